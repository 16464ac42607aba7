// Sockets that are locked for the freeze: listening ones accept nobody new, connections hear nothing and say nothing. The keeper locks
// them, so that it can undo it from the same moment on. Where the tree runs here again, they are unlocked before it does; where it runs on
// the target, connections stay in repair mode, in which their end is told to nobody.
import { may } from '../kernel/rights.ts';
import type { Keeper } from '../kernel/keeper.ts';
import type { LockedConnection } from '../kernel/keeper-network.ts';
import { revertAll } from './revert-all.ts';

type LocksKeeper = Pick<Keeper, 'word'> & {
  readonly network: Pick<Keeper['network'], 'lock' | 'lockListener' | 'revert'>;
};

export class ConnectionLocks implements Disposable {
  readonly #keeper: LocksKeeper;
  readonly #warn: (text: string) => void;
  /** On the keeper's undo list. */
  readonly #locked: number[] = [];
  /** Listening sockets, by inode. */
  readonly #listeners = new Set<number>();

  constructor(keeper: LocksKeeper, warn: (text: string) => void) {
    this.#keeper = keeper;
    this.#warn = warn;
  }

  /** All or none. @throws GodwitError KEEPER. Preconditions: no process that has one runs, not even if this agent dies. */
  lock(connections: readonly number[]): LockedConnection[] {
    const locked = this.#keeper.network.lock(connections);
    this.#locked.push(...locked.map(({ number }) => number));
    return locked;
  }

  /** Once for each. Without CAP_NET_ADMIN the kernel takes no filter, and clients that come in the freeze are reset. @throws GodwitError KEEPER */
  lockListener(listener: number, inode: number): void {
    if (this.#listeners.has(inode) || !may('tcp-repair')) return;
    this.#locked.push(this.#keeper.network.lockListener(listener));
    this.#listeners.add(inode);
  }

  [Symbol.dispose](): void {
    this.#listeners.clear();
    revertAll(this.#keeper, this.#locked, (why) => {
      this.#warn(`a TCP socket could not be unlocked: ${why}`);
    });
  }
}

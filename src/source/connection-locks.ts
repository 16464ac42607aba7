// TCP connections that the freeze has locked: nothing reaches them, and they say nothing, until the tree runs on. Where it runs here
// again, they are unlocked before it does; by the keeper, should this agent die. Where it runs on the target, they stay in repair mode, in
// which their end is told to nobody.
import type { Keeper } from '../kernel/keeper.ts';
import { errnoName, Program } from '../kernel/program.ts';
import { runLocal } from '../kernel/local-program.ts';
import { silenceConnection } from '../kernel/read-connection.ts';
import { native } from '../native.ts';

interface Locked {
  readonly fd: number;
  readonly reuse: boolean;
  /** On the keeper's undo list. */
  readonly number: number;
}

export class ConnectionLocks implements Disposable {
  readonly #keeper: Pick<Keeper, 'undoUnlock' | 'drop' | 'word'>;
  readonly #warn: (text: string) => void;
  readonly #locked: Locked[] = [];

  constructor(keeper: Pick<Keeper, 'undoUnlock' | 'drop' | 'word'>, warn: (text: string) => void) {
    this.#keeper = keeper;
    this.#warn = warn;
  }

  /** 0 or a negative errno. Preconditions: no process that has it runs, not even if this agent dies. */
  lock(connection: number, reuse: boolean): number {
    const program = new Program();
    const copy = program.call('fcntl', connection, dupCloexec, 0);
    const fd = runLocal(program).number(copy);
    try {
      this.#locked.push({ fd, reuse, number: this.#keeper.undoUnlock(fd, reuse) });
    } catch (error) {
      native.closeFd(fd);
      throw error;
    }
    return native.lockConnection(fd);
  }

  /** When the fence stands: should the tree end here, nobody hears of it. */
  silence(): void {
    for (const { fd } of this.#locked) silenceConnection(fd);
  }

  [Symbol.dispose](): void {
    const runsHere = this.#keeper.word.state !== 'COMMITTED';
    const locked = this.#locked.splice(0);
    for (const { fd, reuse } of locked) {
      const error = runsHere ? native.unlockConnection(fd, reuse) : 0;
      if (error < 0) this.#warn(`a TCP connection could not be unlocked: ${errnoName(error)}`);
      native.closeFd(fd);
    }
    if (!runsHere) return;
    try {
      for (const { number } of locked) this.#keeper.drop(number);
    } catch {
      // It unlocks them once more, which changes nothing.
    }
  }
}

const dupCloexec = 1030; // F_DUPFD_CLOEXEC

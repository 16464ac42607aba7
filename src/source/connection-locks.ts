// TCP connections that the freeze has locked: nothing reaches them, and they say nothing, until the tree runs on. Where it runs here
// again, they are unlocked before it does; by the keeper, should this agent die. Where it runs on the target, they stay in repair mode, in
// which their end is told to nobody.
import type { Keeper } from '../kernel/keeper.ts';
import { errnoName, Program } from '../kernel/program.ts';
import { runLocal } from '../kernel/local-program.ts';
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

  /** 0 or a negative errno. Preconditions: no process that has it runs. */
  lock(connection: number, reuse: boolean): number {
    const program = new Program();
    const copy = program.call('fcntl', connection, dupCloexec, 0);
    const fd = runLocal(program).number(copy);
    this.#locked.push({ fd, reuse, number: this.#keeper.undoUnlock(fd, reuse) });
    return native.lockConnection(fd);
  }

  [Symbol.dispose](): void {
    const runsHere = this.#keeper.word.state !== 'COMMITTED';
    for (const { fd, reuse, number } of this.#locked.splice(0)) {
      if (runsHere) this.#unlock(fd, reuse, number);
      native.closeFd(fd);
    }
  }

  #unlock(fd: number, reuse: boolean, number: number): void {
    const error = native.unlockConnection(fd, reuse);
    if (error < 0) this.#warn(`a TCP connection could not be unlocked: ${errnoName(error)}`);
    this.#keeper.drop(number);
  }
}

const dupCloexec = 1030; // F_DUPFD_CLOEXEC

// TCP connections that the freeze has locked: nothing reaches them, and they say nothing, until the tree runs on; and listening sockets,
// which nothing reaches either. Where it runs here
// again, they are unlocked before it does; by the keeper, should this agent die. Where it runs on the target, they stay in repair mode, in
// which their end is told to nobody.
import type { Keeper } from '../kernel/keeper.ts';
import { errnoName, Program } from '../kernel/program.ts';
import { runLocal } from '../kernel/local-program.ts';
import { silenceConnection } from '../kernel/read-connection.ts';
import { solSocket } from '../kernel/socket-options.ts';
import { native } from '../native.ts';

interface Locked {
  readonly fd: number;
  readonly reuse: boolean;
  /** On the keeper's undo list. */
  readonly number: number;
}

type LocksKeeper = Pick<Keeper, 'drop' | 'word'> & {
  readonly network: Pick<Keeper['network'], 'undoUnlock' | 'undoHear'>;
};

export class ConnectionLocks implements Disposable {
  readonly #keeper: LocksKeeper;
  readonly #warn: (text: string) => void;
  readonly #locked: Locked[] = [];
  readonly #listeners: Omit<Locked, 'reuse'>[] = [];

  constructor(keeper: LocksKeeper, warn: (text: string) => void) {
    this.#keeper = keeper;
    this.#warn = warn;
  }

  /** 0 or a negative errno. Preconditions: no process that has it runs, not even if this agent dies. */
  lock(connection: number, reuse: boolean): number {
    return lockCopy(connection, (fd) => {
      this.#locked.push({ fd, reuse, number: this.#keeper.network.undoUnlock(fd, reuse) });
    });
  }

  /** The same for a listening socket. */
  lockListener(listener: number): number {
    return lockCopy(listener, (fd) => {
      this.#listeners.push({ fd, number: this.#keeper.network.undoHear(fd) });
    });
  }

  /** When the fence stands: should the tree end here, nobody hears of it. */
  silence(): void {
    for (const { fd } of this.#locked) silenceConnection(fd);
  }

  [Symbol.dispose](): void {
    const runsHere = this.#keeper.word.state !== 'COMMITTED';
    const locked = this.#locked.splice(0);
    const listeners = this.#listeners.splice(0);
    for (const { fd } of listeners) {
      if (runsHere) hearAgain(fd);
      native.closeFd(fd);
    }
    for (const { fd, reuse } of locked) {
      const error = runsHere ? native.unlockConnection(fd, reuse) : 0;
      if (error < 0) this.#warn(`a TCP connection could not be unlocked: ${errnoName(error)}`);
      native.closeFd(fd);
    }
    if (!runsHere) return;
    try {
      for (const { number } of [...locked, ...listeners]) this.#keeper.drop(number);
    } catch {
      // It unlocks them once more, which changes nothing.
    }
  }
}

const dupCloexec = 1030; // F_DUPFD_CLOEXEC
const soDetachFilter = 27;

/** Of a copy that stays open, whatever becomes of the descriptor; `announce`: hears of it before it is locked. */
function lockCopy(socket: number, announce: (fd: number) => void): number {
  const program = new Program();
  const copy = program.call('fcntl', socket, dupCloexec, 0);
  const fd = runLocal(program).number(copy);
  try {
    announce(fd);
  } catch (error) {
    native.closeFd(fd);
    throw error;
  }
  return native.lockConnection(fd);
}

function hearAgain(fd: number): void {
  const program = new Program();
  program.attempt('setsockopt', fd, solSocket, soDetachFilter, program.words(0), 4);
  runLocal(program);
}

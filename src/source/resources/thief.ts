// Copies of descriptors taken from processes of the tree by pidfd_getfd(2), closed as soon as they are not needed: a
// copy keeps a file open that its owner closes.
import { GodwitError } from '../../errors.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { errnoName, Program } from '../../kernel/program.ts';
import { closeLocal, socketFacts, type SocketFacts } from '../../kernel/socket-facts.ts';
import { native } from '../../native.ts';
import type { SeenFile } from './seen-file.ts';

const pollIn = 1;
const pollPri = 2;
const pollErr = 8;
const pollHup = 0x10;
const pollRdhup = 0x2000;

export class Thief implements Disposable {
  readonly #pidfds = new Map<number, number>();
  readonly #stolen = new Map<SeenFile, number>();
  readonly #facts = new Map<SeenFile, SocketFacts>();

  /** A copy of a descriptor, the agent's until release. @throws GodwitError NO_PROCESS, NO_RIGHTS, SYSCALL */
  fdOf(file: SeenFile): number {
    const known = this.#stolen.get(file);
    if (known !== undefined) return known;
    const { pid } = file.process;
    const fd = native.pidfdGetfd(this.#pidfd(pid), file.fd);
    if (fd < 0) throw failure(`${file.object} cannot be looked at`, fd);
    this.#stolen.set(file, fd);
    return fd;
  }

  /** What a socket says about itself, asked once. */
  socket(file: SeenFile): SocketFacts {
    let facts = this.#facts.get(file);
    if (facts === undefined) {
      facts = socketFacts(this.fdOf(file));
      this.#facts.set(file, facts);
    }
    return facts;
  }

  /** poll(2): nobody is left at the other end of a pipe. */
  isHungUp(file: SeenFile): boolean {
    return (this.#poll(file, 0) & (pollErr | pollHup)) !== 0;
  }

  /** poll(2): there is something to read. */
  isReadable(file: SeenFile): boolean {
    return (this.#poll(file, pollIn) & pollIn) !== 0;
  }

  /** poll(2): urgent data (TCP) has not been read. */
  isUrgent(file: SeenFile): boolean {
    return (this.#poll(file, pollPri) & pollPri) !== 0;
  }

  /** poll(2): nothing more will come; the other end has ended, or shutdown(2) was called with SHUT_RD. */
  isReadShut(file: SeenFile): boolean {
    return (this.#poll(file, pollRdhup) & pollRdhup) !== 0;
  }

  /** struct pollfd: the descriptor, the events asked for, the events seen. */
  #poll(file: SeenFile, events: number): number {
    const program = new Program();
    const pollfd = program.bytes(new Uint8Array(Int32Array.of(this.fdOf(file), events).buffer));
    program.attempt('poll', pollfd, 1, 0);
    return runLocal(program).view(pollfd).getUint16(6, true);
  }

  /** Closes the copies; what was learned of sockets stays. */
  release(): void {
    if (this.#stolen.size > 0) closeLocal(...this.#stolen.values());
    this.#stolen.clear();
  }

  [Symbol.dispose](): void {
    this.release();
    if (this.#pidfds.size > 0) closeLocal(...this.#pidfds.values());
    this.#pidfds.clear();
  }

  #pidfd(pid: number): number {
    const known = this.#pidfds.get(pid);
    if (known !== undefined) return known;
    const pidfd = native.pidfdOpen(pid);
    if (pidfd < 0) throw failure(`process ${pid} cannot be looked at`, pidfd);
    this.#pidfds.set(pid, pidfd);
    return pidfd;
  }
}

function failure(what: string, errno: number): GodwitError {
  const name = errnoName(errno);
  if (name === 'ESRCH' || name === 'EBADF') return new GodwitError('NO_PROCESS', `${what}: it is gone`);
  if (name === 'EPERM') {
    return new GodwitError('NO_RIGHTS', `${what}: ${name}`, { hint: 'run as root or with CAP_SYS_PTRACE' });
  }
  return new GodwitError('SYSCALL', `${what}: ${name}`);
}

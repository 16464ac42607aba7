// Makes, listens and connects in the name of whom SO_PEERCRED is to tell: the kernel notes down who calls socketpair(2),
// listen(2) and connect(2) (net/unix/af_unix.c, init_peercred). The agent acts itself where nobody is to be told.
import { GodwitError } from '../../errors.ts';
import type { PeerCredentials } from '../../images/resources/peer-credentials.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { asUser } from '../security/as-user.ts';
import { readStatus } from '../../kernel/proc/status.ts';
import { errnoName, isError, Program, type Outcome, type Result } from '../../kernel/program.ts';
import { ownGroups } from '../../kernel/rights.ts';
import { afUnix } from '../../kernel/socket-options.ts';
import { closeLocal } from '../../kernel/socket-facts.ts';
import { native } from '../../native.ts';
import type { Actor, OpenContext } from './driver.ts';

const cloexec = 0o2000000;
const nonblock = 0o4000;
const getFlags = 3;
const setFlags = 4;
const prGetSecurebits = 27;
const prSetSecurebits = 28;
/** SECBIT_NO_SETUID_FIXUP: changes of user ID leave the capabilities alone, so that paths stay open. */
const noFixup = 4;
const unchanged = -1;

export type MakerContext = Pick<OpenContext, 'actor' | 'agentPidfd' | 'warn'>;

export class SocketMakers implements Disposable {
  readonly #context: MakerContext;
  readonly #pidfds = new Map<number, number>();
  readonly #own = ownIdentity();
  readonly #warned = new Set<string>();

  constructor(context: MakerContext) {
    this.#context = context;
  }

  /** socketpair(2). Returns descriptors of the agent. */
  pair(type: number, who: PeerCredentials | undefined): [number, number] {
    const program = new Program();
    const ends = program.room(8);
    const make = (): void => void program.call('socketpair', afUnix, type | cloexec, 0, ends);
    const { outcome, actor } = this.#run(program, who, make);
    const view = outcome.view(ends);
    const made: [number, number] = [view.getInt32(0, true), view.getInt32(4, true)];
    return actor === undefined ? made : this.#take(actor, made);
  }

  /** listen(2), also of a socket that listens already. */
  listen(fd: number, backlog: number, who: PeerCredentials | undefined): void {
    const program = new Program();
    this.#run(program, who, (actor) => {
      const socket = this.#bring(program, fd, actor);
      program.call('listen', socket, backlog);
      if (actor !== undefined) program.call('close', socket);
    });
  }

  /** connect(2) without waiting; 0 or negative errno. */
  connect(fd: number, address: Uint8Array, who: PeerCredentials | undefined): number {
    const program = new Program();
    let result: Result | undefined;
    const { outcome } = this.#run(program, who, (actor) => {
      const socket = this.#bring(program, fd, actor);
      const flags = program.call('fcntl', socket, getFlags, 0);
      program.call('fcntl', socket, setFlags, nonblock);
      result = program.attempt('connect', socket, program.bytes(address), address.length);
      program.call('fcntl', socket, setFlags, flags);
      if (actor !== undefined) program.call('close', socket);
    });
    return result === undefined ? 0 : outcome.number(result);
  }

  [Symbol.dispose](): void {
    if (this.#pidfds.size > 0) closeLocal(...this.#pidfds.values());
    this.#pidfds.clear();
  }

  #run(
    program: Program,
    who: PeerCredentials | undefined,
    act: (actor: Actor | undefined) => void,
  ): { outcome: Outcome; actor: Actor | undefined } {
    const actor = who === undefined ? undefined : this.#context.actor(who.pid);
    if (who === undefined || actor === undefined) {
      act(undefined);
      return { outcome: asUser(() => runLocal(program)), actor: undefined };
    }
    const became = this.#isOwn(who) ? undefined : this.#become(program, who);
    act(actor);
    if (became !== undefined) this.#becomeOneself(program, became.bits);
    const outcome = actor.run(program);
    const failed = became?.changes.find((change) => isError(outcome.result(change)));
    if (failed !== undefined) this.#warnOf(who, errnoName(outcome.result(failed)));
    return { outcome, actor };
  }

  #bring(program: Program, fd: number, actor: Actor | undefined): number | Result {
    return actor === undefined ? fd : program.call('pidfd_getfd', this.#context.agentPidfd, fd, 0);
  }

  /** Effective IDs and groups: what the kernel tells of a peer. The real and the saved ones stay, for the way back. */
  #become(program: Program, who: PeerCredentials): { bits: Result; changes: Result[] } {
    const { uid, gid, groups } = this.#own;
    const bits = program.call('prctl', prGetSecurebits, 0, 0, 0, 0);
    program.attempt('prctl', prSetSecurebits, noFixup, 0, 0, 0);
    const changes: Result[] = [];
    if (!sameList(groups, who.groups)) changes.push(setGroups(program, who.groups));
    if (gid !== who.gid) changes.push(program.attempt('setresgid', unchanged, who.gid, unchanged));
    if (uid !== who.uid) changes.push(program.attempt('setresuid', unchanged, who.uid, unchanged));
    return { bits, changes };
  }

  #becomeOneself(program: Program, bits: Result): void {
    program.attempt('setresuid', unchanged, this.#own.uid, unchanged);
    program.attempt('setresgid', unchanged, this.#own.gid, unchanged);
    setGroups(program, this.#own.groups);
    program.attempt('prctl', prSetSecurebits, bits, 0, 0, 0);
  }

  #isOwn({ uid, gid, groups }: PeerCredentials): boolean {
    return uid === this.#own.uid && gid === this.#own.gid && sameList(groups, this.#own.groups);
  }

  /** Moves descriptors of an actor to the agent. */
  #take(actor: Actor, fds: [number, number]): [number, number] {
    const pidfd = this.#pidfd(actor.pid);
    const [first, second] = fds.map((fd) => native.pidfdGetfd(pidfd, fd));
    const program = new Program();
    for (const fd of fds) program.call('close', fd);
    actor.run(program);
    if (first === undefined || second === undefined || first < 0 || second < 0) {
      throw new GodwitError('SYSCALL', `a pair of sockets cannot be taken from process ${actor.pid}`);
    }
    return [first, second];
  }

  #pidfd(pid: number): number {
    const known = this.#pidfds.get(pid);
    if (known !== undefined) return known;
    const pidfd = native.pidfdOpen(pid);
    if (pidfd < 0) throw new GodwitError('NO_PROCESS', `process ${pid}: ${errnoName(pidfd)}`);
    this.#pidfds.set(pid, pidfd);
    return pidfd;
  }

  #warnOf({ uid, gid }: PeerCredentials, why: string): void {
    const text = `SO_PEERCRED of unix sockets shows user ${this.#own.uid} in the place of user ${uid}, group ${gid}: ${why}`;
    if (!this.#warned.has(text)) this.#context.warn(text);
    this.#warned.add(text);
  }
}

function setGroups(program: Program, groups: readonly number[]): Result {
  const data = program.bytes(new Uint8Array(Uint32Array.from(groups).buffer));
  return program.attempt('setgroups', groups.length, data);
}

/** What actors have until they get their own: the agent's. */
function ownIdentity(): Omit<PeerCredentials, 'pid'> {
  const status = readStatus(process.pid);
  return { uid: status?.uid[1] ?? 0, gid: status?.gid[1] ?? 0, groups: [...ownGroups()] };
}

function sameList(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

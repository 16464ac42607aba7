// The agent's hand on its keeper: what must be undone if we die, the root shells of a tree, and the last decisions.
// Requests are synchronous (they are made in the freeze too); those that kill or undo wait on the thread pool.
import { OwnerWord } from './owner-word.ts';
import type { FenceUndo } from './fence.ts';
import { startKeeperProcess, type KeeperProcess, type KeeperStart } from './keeper-process.ts';
import { KeeperNetwork } from './keeper-network.ts';
import { KeeperPostCopy } from './keeper-post-copy.ts';
import { KeeperSocket } from './keeper-socket.ts';
import { keeperStatus, type KeeperStatus } from './keeper-status.ts';
import type { NameUndo, SysvObject } from './undo-orders.ts';
import { decodeMessages, type QueueMessage } from './message-queues.ts';
import { migrationDir, type Role } from './run-dir.ts';
import { decodeQueues, type WaitingBytes } from './terminal-queues.ts';
import { encodeOffsets, type TimeOffsets } from './time-offsets.ts';

export interface ShellOrder {
  readonly vpid: number;
  /** In the tree's own PID namespace, which the first such shell brings into being. */
  readonly newPidNamespace?: boolean;
  readonly timeOffsets?: TimeOffsets;
  /** Session whose leader is dead or no part of the tree. 0, or its own PID: it stays in the keeper's session for now. */
  readonly sid?: number;
  /** Number that the agent's pidfd is to have in it. */
  readonly agentPidfd: number;
}

export interface KeeperShell {
  /** As the agent sees it. */
  readonly pid: number;
  /** PID of the namespace's init, as the agent sees it; 0 in the host's namespace. */
  readonly init: number;
}

const slowMs = 60_000;

export class Keeper implements FenceUndo, AsyncDisposable {
  readonly id: string;
  readonly role: Role;
  /** Folder of the migration: owner word, socket, journal. */
  readonly dir: string;
  readonly word: OwnerWord;
  /** Set in the agent that started it. A keeper that ends before its time: abort, nobody would clean up. */
  readonly process: KeeperProcess | undefined;
  /** Sockets and addresses. */
  readonly network: KeeperNetwork;
  readonly postCopy: KeeperPostCopy;
  readonly #socket: KeeperSocket;
  #isLeaving = false;

  private constructor(id: string, role: Role, process?: KeeperProcess) {
    this.id = id;
    this.role = role;
    this.dir = migrationDir(id, role);
    this.#socket = new KeeperSocket(this.dir);
    this.network = new KeeperNetwork(this.#socket);
    this.postCopy = new KeeperPostCopy(this.#socket);
    this.word = OwnerWord.open(this.dir, role);
    this.process = process;
  }

  /** @throws GodwitError KEEPER, UNSUPPORTED */
  static async start(options: KeeperStart): Promise<Keeper> {
    return new Keeper(options.id, options.role, await startKeeperProcess(options));
  }

  /** To a keeper that another agent has started. @throws GodwitError KEEPER when there is none. */
  static connect(id: string, role: Role): Keeper {
    return new Keeper(id, role);
  }

  /** Each returns its number on the undo list. An undo goes by kind: pokes, unlocks, thaws, holds, moves back, kills, names. */
  undoThaw(dir: string): number {
    return this.#number(['undo', 'thaw', dir]);
  }

  /** The keeper makes `dir`, below `parent`, if it is not there. */
  undoRestoreCgroup(dir: string, parent: string): number {
    return this.#number(['undo', 'restore-cgroup', dir, parent]);
  }

  undoKill(dir: string): number {
    return this.#number(['undo', 'kill', dir]);
  }

  /** A name that is put aside goes back; an entry that is not there at the undo needs none. A queue is not yet made. */
  undoName(step: NameUndo): number {
    if (step.kind === 'rename') return this.#number(['undo', 'rename', step.from, step.to]);
    if (step.kind === 'mqueue') return this.#number(['undo', 'mqueue', step.name]);
    return this.#number(['undo', 'unlink', step.path]);
  }

  /** Names go, or go back, with this user's rights to files. */
  namesAs(uid: number, gid: number): void {
    this.#socket.request({ fields: ['names-as', uid, gid] });
  }

  /** To be called before the object is made. @throws GodwitError KEEPER: its ID is taken. */
  undoSysv({ kind, id, key }: SysvObject): number {
    return this.#number(['undo', 'sysv', kind, id, key]);
  }

  /** Source: an object that its tree leaves behind is removed at `finish`, unless others use it. */
  removeAtEnd({ kind, id, key }: SysvObject): number {
    return this.#number(['undo', 'left', kind, id, key]);
  }

  /** The same for the name of a message queue, by a descriptor of ours. */
  removeQueueAtEnd(queue: number, name: string): number {
    return this.#number(['undo', 'left-mqueue', name], queue);
  }

  /** Writes `value` (4 or 8 bytes) into a live process: ends a thread's wait in our code. */
  undoPoke(pid: number, address: number, value: number | bigint, bytes: 4 | 8 = 8): number {
    return this.#number(['undo', 'poke', pid, address, value, bytes]);
  }

  /** The keeper keeps a copy of the descriptor open until the undo, or until it is dropped. */
  undoHold(fd: number): number {
    return this.#number(['undo', 'hold'], fd);
  }

  /**
   * What waits in a pseudoterminal, by its master: the keeper takes it out and puts it back, for whoever dies in between loses it.
   * Preconditions: nobody uses the terminal; its slave has been opened; no packet status waits. @throws GodwitError KEEPER
   */
  terminalQueues(master: number): WaitingBytes {
    return decodeQueues(this.#socket.requestBytes({ fields: ['terminal'], fd: master }));
  }

  /**
   * What waits in a POSIX message queue, in the same way. Preconditions: nobody uses the queue, which is open for reading and writing
   * and does not block. A registration of mq_notify(3) is used up where a message waits. @throws GodwitError KEEPER
   */
  messages(queue: number): QueueMessage[] {
    return decodeMessages(this.#socket.requestBytes({ fields: ['messages'], fd: queue }));
  }

  drop(number: number | 'all'): void {
    this.#socket.request({ fields: ['drop', number] });
  }

  /** Leaves a descriptor with the keeper, for whoever connects later. */
  hold(name: string, fd: number): void {
    this.#socket.request({ fields: ['hold', name], fd });
  }

  /** Our own copy of it. @throws GodwitError KEEPER when there is none of that name. */
  fetch(name: string): number {
    return this.#socket.request({ fields: ['fetch', name] }).fd;
  }

  release(name: string): void {
    this.#socket.request({ fields: ['release', name] });
  }

  /**
   * A process that pauses, in the fence, with all signals but SIGTRAP blocked and no descriptor but the agent's pidfd.
   * Target only, while STAGING. @throws GodwitError PID_TAKEN, KEEPER
   */
  spawnShell(order: ShellOrder): KeeperShell {
    const { vpid, newPidNamespace = false, timeOffsets, sid = 0, agentPidfd } = order;
    const { fields } = this.#socket.request({
      fields: [
        'spawn',
        `vpid=${vpid}`,
        `newpid=${Number(newPidNamespace)}`,
        `timens=${timeOffsets === undefined ? '-' : encodeOffsets(timeOffsets)}`,
        `sid=${sid}`,
        `pidfd=${agentPidfd}`,
      ],
    });
    const [pid, init] = fields;
    return { pid: Number(pid), init: Number(init?.replace('init=', '')) };
  }

  /**
   * Target: PREPARED -> RUNNING and thaws; may be repeated. `unsaid`: what was to be said (KeeperNetwork) and could not, or ""; `ranMs`:
   * how long the tree has run. @throws GodwitError KEEPER: in another state, or the tree is dead.
   */
  run(): { readonly unsaid: string; readonly ranMs: number } {
    const [unsaid = '', ranAtUs = ''] = this.#socket.request({ fields: ['run'] }).fields;
    return { unsaid, ranMs: Number(process.hrtime.bigint() / 1000n - BigInt(ranAtUs)) / 1000 };
  }

  /** -> ABORTED. The source runs as before, the target keeps nothing, when this resolves. @throws GodwitError KEEPER after COMMITTED */
  async abort(): Promise<void> {
    await this.#slow('abort');
  }

  /** Source, COMMITTED: kills the tree, all of it, and leaves nothing. The keeper ends. */
  async finish(): Promise<void> {
    await this.#slow('finish');
  }

  /** Source, COMMITTED: brings the tree back. Only with proof that the target's copy is gone and cannot come back. */
  async revive(): Promise<void> {
    await this.#slow('revive');
  }

  /** Source, behind an abort: the target does not know yet. When this agent has ended the keeper goes on, by the resolver, until it does. */
  leaveToResolver(): void {
    this.#isLeaving = false;
  }

  status(): KeeperStatus {
    const { fields } = this.#socket.request({ fields: ['status'] });
    return keeperStatus(fields);
  }

  /**
   * Lets go of the keeper. After an abort or a finish it also says that we have done our part, and waits until the
   * keeper has ended, so that nothing is left. In other states the keeper goes on.
   */
  async close(): Promise<void> {
    if (this.#isLeaving) {
      try {
        this.#socket.request({ fields: ['bye'] });
      } catch {
        // it has left already
      }
    }
    this.#socket[Symbol.dispose]();
    this.word[Symbol.dispose]();
    if (this.#isLeaving) await this.process?.waitForEnd();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** On a connection of its own: the first one stays free. */
  async #slow(command: string): Promise<void> {
    using socket = new KeeperSocket(this.dir);
    await socket.requestSlow({ fields: [command], timeoutMs: slowMs });
    this.#isLeaving = true;
  }

  #number(fields: readonly (string | number | bigint)[], fd = -1): number {
    return Number(this.#socket.request({ fields, fd }).fields[0]);
  }
}

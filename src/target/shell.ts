// A shell: a process of the tree to be, with its PID, that runs nothing but programs until it is let go.
// Everything here wants it ptrace-stopped, which it is from its birth until detach.
import { GodwitError } from '../errors.ts';
import type { Mapping } from '../images/memory.ts';
import { Program, type Outcome } from '../kernel/program.ts';
import { native } from '../native.ts';
import type { ScratchMemory, ScratchTask } from './scratch.ts';

/** What a process can have in common with its parent by flags of clone(2). */
export type ShareKind = 'places' | 'descriptors' | 'memory' | 'handlers';
export const shareKinds: readonly ShareKind[] = ['places', 'descriptors', 'memory', 'handlers'];
/** places: working directory, root and umask (CLONE_FS); descriptors: the table (CLONE_FILES); CLONE_VM; CLONE_SIGHAND. */
export type Sharing = Readonly<Record<ShareKind, boolean>>;
export const sharesNothing: Sharing = { places: false, descriptors: false, memory: false, handlers: false };

/** What a shell is born with. */
export interface ShellBirth {
  /** PID as the tree sees it. */
  readonly vpid: number;
  /** PID as the agent sees it. */
  readonly pid: number;
  readonly scratch: ScratchMemory;
  /** Number under which it holds a pidfd of the agent: the way in for descriptors. */
  readonly agentPidfd: number;
  readonly mappings: readonly Mapping[];
  /** vpid of its parent; 0: the keeper, or the init of the namespace. */
  readonly ppid: number;
  readonly sid: number;
  readonly pgid: number;
  readonly shares?: Sharing;
}

export class Shell {
  readonly vpid: number;
  readonly pid: number;
  readonly agentPidfd: number;
  readonly scratch: ScratchMemory;
  /** Thread IDs, as the tree sees them, to what the agent sees. The leader is among them. */
  readonly tids = new Map<number, number>();
  /** What is mapped now, scratch memory apart. */
  mappings: readonly Mapping[];
  ppid: number;
  sid: number;
  pgid: number;
  /** What is its parent's as well. */
  shares: Sharing;
  /** Path of its controlling terminal. */
  terminal: string | undefined;

  constructor(birth: ShellBirth) {
    this.vpid = birth.vpid;
    this.pid = birth.pid;
    this.agentPidfd = birth.agentPidfd;
    this.scratch = birth.scratch;
    this.mappings = birth.mappings;
    this.ppid = birth.ppid;
    this.sid = birth.sid;
    this.pgid = birth.pgid;
    this.shares = birth.shares ?? sharesNothing;
    this.tids.set(birth.vpid, birth.pid);
  }

  /** How messages call it. */
  get name(): string {
    return `process ${this.vpid}`;
  }

  /** The agent's TID of a thread. */
  tid(vtid: number): number {
    const tid = this.tids.get(vtid);
    if (tid === undefined) throw new GodwitError('INTERNAL', `${this.name} has no thread ${vtid}`);
    return tid;
  }

  /** Runs a program in its leader, or in another thread. @throws GodwitError REMOTE_CALL, NO_PROCESS. */
  run(program: Program, vtid: number = this.vpid): Outcome {
    return this.scratch.run(this.tid(vtid), program, this.#where(vtid)).outcome;
  }

  /** What ScratchMemory.runAll wants to know. */
  task(program: Program, vtid: number): ScratchTask {
    return { tid: this.tid(vtid), program, where: this.#where(vtid) };
  }

  /** Runs a program whose clone3 calls bear tasks; `born`: their PIDs (the agent's) in order of birth. */
  bear(program: Program): { outcome: Outcome; born: readonly number[] } {
    return this.scratch.run(this.pid, program, this.name);
  }

  /**
   * Runs steps that do not depend on each other, as many at once as scratch memory holds. A step adds its calls to the
   * program that it is given.
   */
  runSteps(steps: Iterable<(program: Program) => void>, vtid: number = this.vpid): void {
    const enough = this.scratch.room / 2;
    let program = new Program();
    for (const step of steps) {
      step(program);
      if (program.size < enough) continue;
      this.run(program, vtid);
      program = new Program();
    }
    if (program.length > 0) this.run(program, vtid);
  }

  /** Brings a descriptor of the agent into the shell; returns its number there. */
  pullFd(agentFd: number): number {
    const program = new Program();
    const got = program.call('pidfd_getfd', this.agentPidfd, agentFd, 0);
    return this.run(program).number(got);
  }

  /** One system call without scratch memory, over a `syscall` instruction at `address`. Returns the raw result. */
  step(address: number, nr: number, args: readonly (number | bigint)[], vtid: number = this.vpid): bigint {
    const words = new BigUint64Array(6);
    for (const [i, arg] of args.entries()) words[i] = BigInt.asUintN(64, BigInt(arg));
    return native.stepSyscall(this.tid(vtid), address, nr, words);
  }

  #where(vtid: number): string {
    return vtid === this.vpid ? this.name : `${this.name} thread ${vtid}`;
  }
}

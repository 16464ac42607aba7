// Remote programs in a process that has a life of its own: one of the source tree, or one that stands PREPARED on the target. Scratch
// memory is mapped once and stays until close; whatever runs in it cures itself (native/stub/stub.S), so an agent that is killed leaves
// the process running as before.
import { constants } from 'node:os';
import { GodwitError } from '../errors.ts';
import { errnoName, Program, type Outcome } from './program.ts';
import type { Vma } from './proc/maps.ts';
import { readMaps } from './proc/maps.ts';
import { readProcText } from './proc/read-proc.ts';
import { may } from './rights.ts';
import { signOfLife } from '../sign-of-life.ts';
import { native } from '../native.ts';
import { pageSize, userEnd } from '../units.ts';

/** Bytes of scratch memory in each process: a page of code, the rest for programs. */
const scratchLength = 256 * 1024;
const programOffset = 4096;
const madviseDontFork = 10;
const madviseDontDump = 16;
/** Where the stub looks whether it may stop waiting; the keeper writes it when the agent dies (native/stub/ops.h). */
const releaseOffset = 0x804;

/** Parameters of native.runLive. */
export interface LoadedProgram {
  readonly tid: number;
  readonly base: number;
  readonly memory: ArrayBuffer;
  readonly offset: number;
  readonly count: number;
}

export class LiveProcess {
  readonly pid: number;
  readonly address: number;
  readonly #memory: Uint8Array<ArrayBuffer>;
  readonly #vdso: Vma;

  private constructor(pid: number, vdso: Vma, address: number, memory: ArrayBuffer) {
    this.pid = pid;
    this.#vdso = vdso;
    this.address = address;
    this.#memory = new Uint8Array(memory);
  }

  /**
   * Preconditions: `tid` is ptrace-stopped, no other thread of the process runs a program; without the right to use map_files all
   * of them are stopped. What an agent that was killed has left there (see isScratchFile) is unmapped.
   */
  static open(pid: number, tid: number): LiveProcess {
    const maps = readMaps(pid) ?? [];
    // A process that has ended, and is not waited for yet, has an empty one (fs/proc/task_mmu.c).
    if (maps.length === 0) throw failure(pid, 'map scratch memory', -constants.errno.ESRCH);
    const vdso = maps.find((vma) => vma.special === 'vdso');
    if (vdso === undefined) {
      throw new GodwitError(
        'UNSUPPORTED',
        `process ${pid} has no vdso, which is where remote programs start`,
      );
    }
    const length = vdso.end - vdso.start;
    const place = remotestPlace(maps);
    const opened = native.liveOpen(pid, tid, vdso.start, length, place, scratchLength, may('map-files'));
    if (typeof opened === 'number') throw failure(pid, 'map scratch memory', opened);
    const [address, fd] = opened;
    const memory = native.mapShared(fd, scratchLength);
    native.closeFd(fd);
    if (typeof memory === 'number') throw failure(pid, 'open scratch memory', memory);
    new Uint8Array(memory).set(native.stubCode());
    const live = new LiveProcess(pid, vdso, address, memory);
    live.#clean(tid, maps.filter(isScratchFile));
    return live;
  }

  #clean(tid: number, left: readonly Vma[]): void {
    if (left.length === 0) return;
    const at = programCounter(this.pid, tid);
    const program = new Program();
    for (const { start, end } of left)
      if (at < start || at >= end) program.call('munmap', start, end - start);
    this.run(program, tid);
  }

  /** For another process with the same memory (CLONE_VM): one scratch serves both, one program at a time. */
  sharedBy(pid: number): LiveProcess {
    return new LiveProcess(pid, this.#vdso, this.address, this.#memory.buffer);
  }

  /** The range in which the scratch memory stands: no part of the tree's memory. */
  get range(): { readonly start: number; readonly end: number } {
    return { start: this.address, end: this.address + scratchLength };
  }

  /** Where the keeper writes 1 when the agent dies, so that a thread in a program goes on at once. */
  get releaseAddress(): number {
    return this.address + releaseOffset;
  }

  /** Runs a program in a ptrace-stopped thread; the thread is stopped as before afterwards. */
  run(program: Program, tid = this.pid): Outcome {
    signOfLife();
    const { base, memory, offset, count } = this.load(program, tid);
    return this.outcome(program, native.runLive(tid, base, memory, offset, count));
  }

  /** The scratch memory: processes with one memory have it in common. */
  get memory(): ArrayBuffer {
    return this.#memory.buffer;
  }

  /** Lays a program out in the scratch memory. What native.runLive wants. */
  load(program: Program, tid: number): LoadedProgram {
    program.encode(this.#memory.subarray(programOffset), this.address + programOffset);
    const { address: base, memory } = this;
    return { tid, base, memory, offset: programOffset, count: program.length };
  }

  /** What the program has left that was loaded last. `result`: of running it. @throws GodwitError */
  outcome(program: Program, result: number): Outcome {
    if (result < 0) throw failure(this.pid, 'run a remote program', result);
    return program.outcome(this.#memory.subarray(programOffset), `process ${this.pid}`);
  }

  /** Children must not inherit the scratch memory, core dumps must not hold it. */
  hide(program: Program): void {
    program.attempt('madvise', this.address, scratchLength, madviseDontFork);
    program.attempt('madvise', this.address, scratchLength, madviseDontDump);
  }

  /** Unmaps the scratch memory. Preconditions as for open. */
  close(tid = this.pid): void {
    const length = this.#vdso.end - this.#vdso.start;
    const result = native.liveClose(this.pid, tid, this.#vdso.start, length, this.address, scratchLength);
    if (result < 0 && errnoName(result) !== 'ESRCH') throw failure(this.pid, 'unmap scratch memory', result);
  }
}

/**
 * The middle of the widest gap. Not where the kernel would put it, which is the first hole of that size: a program may have unmapped
 * something there to map something else at the very address (MAP_FIXED), and it would map that over our code.
 */
function remotestPlace(maps: readonly Vma[]): number {
  let end = 0;
  let widest = { start: 0, length: 0 };
  for (const { start, end: next } of [...maps, { start: userEnd, end: userEnd }]) {
    if (start > userEnd) break; // the vsyscall page
    if (start - end > widest.length) widest = { start: end, length: start - end };
    end = next;
  }
  const middle = widest.start + widest.length / 2;
  return middle - (middle % pageSize);
}

/** Scratch memory that is no file of map_files has a name, by which it is known when its agent is dead. */
export function isScratchFile({ path, shared, exec, start, end }: Vma): boolean {
  return path === '/memfd:godwit' && shared && exec && end - start === scratchLength;
}

/** Of a stopped thread (proc_pid_syscall(5): the last field). */
function programCounter(pid: number, tid: number): number {
  return Number(readProcText(pid, 'syscall', tid)?.trim().split(' ').at(-1) ?? 0);
}

function failure(pid: number, what: string, errno: number): GodwitError {
  const name = errnoName(errno);
  if (name === 'ESRCH')
    return new GodwitError('NO_PROCESS', `process ${pid} ended while Godwit wanted to ${what} in it`);
  const hints: Record<string, string> = {
    ENOSPC: 'its vdso has no room for the first instruction; another tool may have changed it',
    EPERM: 'run as root, or with CAP_SYS_PTRACE and CAP_CHECKPOINT_RESTORE',
    EFAULT: 'its thread has barred itself from memory with protection key 0 (PKRU), as ours is; try again',
    EAGAIN: 'it was stopped inside a string instruction; try again',
    ETIMEDOUT: 'it does not answer: look at /proc/PID/stack (uninterruptible sleep?)',
  };
  const hint = hints[name];
  return new GodwitError(
    'SYSCALL',
    `cannot ${what} in process ${pid}: ${name}`,
    hint === undefined ? {} : { hint },
  );
}

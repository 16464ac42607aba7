// Stopping tasks by ptrace. PTRACE_SEIZE does not send SIGSTOP, so the parent sees nothing; a detach lets a task run on.
import { GodwitError } from '../errors.ts';
import { errnoName } from '../kernel/program.ts';
import { readStat } from '../kernel/proc/stat.ts';
import { native } from '../native.ts';

/** PTRACE_O_TRACESYSGOOD: a tracer that dies at a system-call stop must not leave a SIGTRAP behind. */
const traceSysGood = 1;
/** PTRACE_O_SUSPEND_SECCOMP (Linux 4.3, CAP_SYS_ADMIN): programs run although a filter forbids their calls. */
export const suspendSeccomp = 0x20_0000;
const stopTimeoutMs = 2000;

/** Tasks that are stopped until disposed. */
export class Stopped implements Disposable {
  readonly #tids: Set<number>;

  constructor(tids: Iterable<number>) {
    this.#tids = new Set(tids);
  }

  get tids(): readonly number[] {
    return [...this.#tids];
  }

  has(tid: number): boolean {
    return this.#tids.has(tid);
  }

  merge(other: Stopped): void {
    for (const tid of other.#tids) this.#tids.add(tid);
    other.#tids.clear();
  }

  /** Lets every task go on. A task that has died meanwhile needs nothing. */
  [Symbol.dispose](): void {
    for (const tid of this.#tids) native.detach(tid, 0);
    this.#tids.clear();
  }
}

/** Stops tasks; those that are gone are left out. Throws when one refuses, after letting the others go on. */
export function stopTasks(tids: readonly number[], options = 0): Stopped {
  const results = native.stopAll(Int32Array.from(tids), traceSysGood | options, stopTimeoutMs);
  const stopped = new Stopped(tids.filter((_, index) => results[index] === 0));
  for (const [index, tid] of tids.entries()) {
    const result = results[index] ?? 0;
    if (result === 0 || errnoName(result) === 'ESRCH' || isEnding(tid)) continue;
    if (errnoName(result) === 'ETIMEDOUT') native.detach(tid, 0);
    stopped[Symbol.dispose]();
    throw refusal(tid, errnoName(result));
  }
  return stopped;
}

/** A task on its way out refuses a tracer (kernel/ptrace.c, ptrace_attach: EPERM once it has an exit state). */
function isEnding(tid: number): boolean {
  const state = readStat(tid)?.state;
  return state === undefined || state === 'Z' || state === 'X';
}

function refusal(tid: number, name: string): GodwitError {
  if (name === 'EPERM') {
    return new GodwitError(
      'NO_RIGHTS',
      `task ${tid} cannot be traced: it belongs to another user, or a debugger traces it`,
      {
        hint: `look at TracerPid in /proc/${tid}/status; run as root or with CAP_SYS_PTRACE`,
      },
    );
  }
  if (name === 'ETIMEDOUT') {
    return new GodwitError('TIMEOUT', `task ${tid} does not stop: it is in an uninterruptible sleep`, {
      hint: `look at /proc/${tid}/stack for what it waits for (a dead NFS server? a vfork?)`,
    });
  }
  return new GodwitError('SYSCALL', `task ${tid} cannot be stopped: ${name}`);
}

// Stopping tasks by ptrace. PTRACE_SEIZE does not send SIGSTOP, so the parent sees nothing; a detach lets a task run on.
import { GodwitError } from '../errors.ts';
import { native } from '../native.ts';
import { errnoName } from './program.ts';
import { may } from './rights.ts';
import { readStat } from './proc/stat.ts';
import { waitsInVfork } from './vfork-wait.ts';

/** PTRACE_O_TRACESYSGOOD: a tracer that dies at a system-call stop must not leave a SIGTRAP behind. */
const traceSysGood = 1;
/**
 * PTRACE_O_SUSPEND_SECCOMP (Linux 4.3, CAP_SYS_ADMIN): programs run although a filter forbids their calls. Left out where this agent may
 * not: it cannot read filters either, and refuses processes that have some.
 */
export const suspendSeccomp = 0x20_0000;
/** PTRACE_O_EXITKILL: a tracer that dies takes its tasks along, before any of them runs (kernel/ptrace.c, exit_ptrace). */
export const exitKill = 0x10_0000;
const stopTimeoutMs = 2000;
const letGoPauseMs = 5;

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

  /** PTRACE_O_* of all tasks; those that have died need none. False: some task refused. */
  setOptions(options: number): boolean {
    const results = [...this.#tids].map((tid) => native.setOptions(tid, traceSysGood | allowed(options)));
    return results.every((result) => result >= 0 || errnoName(result) === 'ESRCH');
  }

  /** Lets every task go on. A task that has died meanwhile needs nothing. */
  [Symbol.dispose](): void {
    native.letGo(Int32Array.from(this.#tids));
    this.#tids.clear();
  }
}

/**
 * Stops tasks, a leader before its threads in the list; those that are gone are left out. Throws when one refuses, after letting
 * the others go on.
 */
export function stopTasks(tids: readonly number[], options = 0, timeoutMs = stopTimeoutMs): Stopped {
  // Leaders last, and the other way round when they are let go: see source/stop-leader.ts.
  const results = native
    .stopAll(Int32Array.from(tids.toReversed()), traceSysGood | allowed(options), timeoutMs)
    .reverse();
  const stopped = new Stopped(tids.filter((_, index) => results[index] === 0));
  for (const [index, tid] of tids.entries()) {
    const result = results[index] ?? 0;
    if (result === 0 || errnoName(result) === 'ESRCH' || isEnding(tid)) continue;
    if (errnoName(result) === 'ETIMEDOUT') letGoLater(tid);
    stopped[Symbol.dispose]();
    throw refusal(tid, errnoName(result));
  }
  return stopped;
}

const allowed = (options: number): number =>
  may('ptrace-suspend-seccomp') ? options : options & ~suspendSeccomp;

/** A task that does not stop cannot be let go either (ptrace(2)): when it does stop it must not stand until this agent ends. */
function letGoLater(tid: number): void {
  const timer = setInterval(() => {
    const { kind } = native.waitStop(tid, 0);
    if (kind === 'timeout') return;
    clearInterval(timer);
    native.letGo(Int32Array.of(tid));
  }, letGoPauseMs);
  timer.unref();
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
  if (name === 'ETIMEDOUT' && waitsInVfork(tid)) {
    return new GodwitError(
      'TIMEOUT',
      `thread ${tid} waits in vfork until its child executes a program or ends`,
      {
        hint: 'try again when it has: the kernel lets nothing stop a thread that waits so',
      },
    );
  }
  if (name === 'ETIMEDOUT') {
    return new GodwitError('TIMEOUT', `task ${tid} does not stop: it is in an uninterruptible sleep`, {
      hint: `look at /proc/${tid}/stack for what it waits for (a dead NFS server?)`,
    });
  }
  return new GodwitError('SYSCALL', `task ${tid} cannot be stopped: ${name}`);
}

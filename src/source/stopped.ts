// Stopping tasks by ptrace. PTRACE_SEIZE does not send SIGSTOP, so the parent sees nothing; a detach lets a task run on.
import { GodwitError } from '../errors.ts';
import { errnoName } from '../kernel/program.ts';
import { readStat } from '../kernel/proc/stat.ts';
import { readProcText } from '../kernel/proc/read-proc.ts';
import { readStatus } from '../kernel/proc/status.ts';
import { native } from '../native.ts';
import { isIgnored } from './state/ignored-signals.ts';
import type { SourceProcess } from './tree.ts';
import { waitsInVfork } from './vfork.ts';

/** PTRACE_O_TRACESYSGOOD: a tracer that dies at a system-call stop must not leave a SIGTRAP behind. */
const traceSysGood = 1;
/** PTRACE_O_SUSPEND_SECCOMP (Linux 4.3, CAP_SYS_ADMIN): programs run although a filter forbids their calls. */
export const suspendSeccomp = 0x20_0000;
const stopTimeoutMs = 2000;
const sigchld = 17;
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
  // Leaders last, and the other way round when they are let go: see stopLeader.
  const results = native
    .stopAll(Int32Array.from(tids.toReversed()), traceSysGood | options, timeoutMs)
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

/**
 * Stops the leader of a process for a short while. When a child of a traced thread ends the kernel sends SIGCHLD although that is
 * ignored (sig_ignored in kernel/signal.c), and it would wake another thread out of its epoll_wait: where the leader has
 * children the other threads have to stand still as well.
 */
export function stopLeader({ pid, threads }: Pick<SourceProcess, 'pid' | 'threads'>): Stopped {
  const others = threads.map(({ tid }) => tid).filter((tid) => tid !== pid);
  const status = others.length > 0 ? readStatus(pid) : undefined;
  if (status === undefined || !isIgnored(sigchld, status)) return stopTasks([pid], suspendSeccomp);
  if (hasChildren(pid)) return stopTasks([pid, ...others], suspendSeccomp);
  const stopped = stopTasks([pid], suspendSeccomp);
  if (hasChildren(pid)) stopped.merge(stopTasks(others, suspendSeccomp)); // born since
  return stopped;
}

/** Of the leader itself, not of the other threads. */
function hasChildren(pid: number): boolean {
  return (readProcText(pid, 'children', pid) ?? '') !== '';
}

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

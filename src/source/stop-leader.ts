// The leader of a process is stopped for a moment while the tree runs, and its other threads with it where they would notice.
import { readProcText } from '../kernel/proc/read-proc.ts';
import { may } from '../kernel/rights.ts';
import { readStatus } from '../kernel/proc/status.ts';
import { readTids } from '../kernel/proc/task.ts';
import { stopTasks, suspendSeccomp, type Stopped } from '../kernel/stopped.ts';
import { isIgnored } from './state/ignored-signals.ts';
import type { SourceProcess } from './tree.ts';

const sigchld = 17;

/**
 * Stops the leader of a process for a short while. When a child of a traced thread ends the kernel sends SIGCHLD although that is
 * ignored (sig_ignored in kernel/signal.c), and it would wake another thread out of its epoll_wait: where the leader has
 * children the other threads have to stand still as well.
 */
export function stopLeader({ pid, threads }: Pick<SourceProcess, 'pid' | 'threads'>): Stopped {
  const others = threads.map(({ tid }) => tid).filter((tid) => tid !== pid);
  if (!may('map-files')) return stopAll(pid, others);
  const status = others.length > 0 ? readStatus(pid) : undefined;
  if (status === undefined || !isIgnored(sigchld, status)) return stopTasks([pid], suspendSeccomp);
  if (hasChildren(pid)) return stopTasks([pid, ...others], suspendSeccomp);
  const stopped = stopTasks([pid], suspendSeccomp);
  if (hasChildren(pid)) stopMore(stopped, others); // born since
  return stopped;
}

/** Every thread, those too that others make meanwhile: LiveProcess.open wants it. */
function stopAll(pid: number, known: readonly number[]): Stopped {
  // All that are known in one go: while the leader alone is traced, the end of a child wakes the others.
  let born: readonly number[] = [...new Set([pid, ...known])];
  const stopped = stopTasks(born, suspendSeccomp);
  const seen = new Set(born);
  for (;;) {
    born = (readTids(pid) ?? []).filter((tid) => !seen.has(tid));
    if (born.length === 0) return stopped;
    for (const tid of born) seen.add(tid);
    stopMore(stopped, born);
  }
}

/** All are let go when one of them refuses. */
function stopMore(stopped: Stopped, tids: readonly number[]): void {
  try {
    stopped.merge(stopTasks(tids, suspendSeccomp));
  } catch (error) {
    stopped[Symbol.dispose]();
    throw error;
  }
}

/** Of the leader itself, not of the other threads. */
function hasChildren(pid: number): boolean {
  return (readProcText(pid, 'children', pid) ?? '') !== '';
}

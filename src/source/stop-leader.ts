// The leader of a process is stopped for a moment while the tree runs, and its other threads with it where they would notice.
import { readProcText } from '../kernel/proc/read-proc.ts';
import { readStatus } from '../kernel/proc/status.ts';
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

// pidfd_open(2), and CLONE_PIDFD: fdinfo tells the task. PIDFD_THREAD shows as O_EXCL (kernel/fork.c).
import type { Refusal, SourceDriver } from './driver.ts';
import { refuse } from './refuse.ts';
import type { SeenFile } from './seen-file.ts';

const threadFlag = 0o200;
/** What fdinfo says when the task has been reaped. */
const reaped = -1;

export const pidfd: SourceDriver<'pidfd'> = {
  // A file of pidfs since Linux 6.9.
  matches: ({ link }) => link === 'anon_inode:[pidfd]' || link.startsWith('pidfd:['),
  survey: ({ first }, { vpidOf }) => refusalOf(first, vpidOf),
  dump({ first }, { vpidOf }) {
    const refusal = refusalOf(first, vpidOf);
    if (refusal !== undefined) throw refuse(first, refusal);
    const pid = first.info.pidfd?.pid ?? reaped;
    const vpid = pid === reaped ? undefined : vpidOf(pid);
    return {
      kind: 'pidfd',
      ...(vpid === undefined ? {} : { pid: vpid }),
      thread: (first.flags & threadFlag) !== 0,
    };
  },
};

function refusalOf({ info }: SeenFile, vpidOf: (pid: number) => number | undefined): Refusal | undefined {
  const pid = info.pidfd?.pid ?? 0;
  if (pid === reaped || (pid > 0 && vpidOf(pid) !== undefined)) return undefined;
  const task = pid > 0 ? `task ${pid}` : 'a task of another PID namespace';
  return {
    reason: `a pidfd of ${task}, which is outside the tree`,
    remedy: 'migrate a common ancestor of both, or let the program close it for the migration',
  };
}

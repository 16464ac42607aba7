// Threads with a descriptor table of their own (unshare(CLONE_FILES)): only the leader's is carried.
import type { Blocker } from '../../images/requirements.ts';
import { readTids } from '../../kernel/proc/task.ts';
import { native } from '../../native.ts';
import type { ProcessRef } from './seen-file.ts';

const kcmpFiles = 2;

export function surveyThreadTables(processes: readonly ProcessRef[]): Blocker[] {
  return processes.flatMap(({ pid }) =>
    (readTids(pid) ?? [])
      .filter((tid) => tid !== pid && native.kcmp(pid, tid, kcmpFiles, 0, 0) > 0)
      .map((tid) => ({
        side: 'source' as const,
        object: `thread ${tid} of process ${pid}`,
        reason: 'it has a descriptor table of its own (unshare CLONE_FILES)',
        remedy: 'none in this version: start the program without it',
      })),
  );
}

// Files of /proc/PID and /proc/PID/task/TID: they mean the same on the target when the task is one of the tree.
import { statSync } from 'node:fs';
import type { DriverContext } from './driver.ts';
import type { SeenFile } from './seen-file.ts';

/** What belongs to the task or its memory alone. Not here: what shows the host (net/), other objects (fd/, ns/), or makes events (attr/). */
const names =
  'status|stat|statm|maps|smaps|smaps_rollup|numa_maps|pagemap|mem|environ|auxv|cmdline|comm|limits|io|sched|schedstat|oom_score|' +
  'oom_score_adj|oom_adj|wchan|stack|syscall|personality|timers|timerslack_ns|coredump_filter|clear_refs|cgroup|cpuset|loginuid|' +
  'sessionid|mounts|mountinfo|mountstats|uid_map|gid_map|projid_map|setgroups';
const pattern = new RegExp(`^/proc/(\\d+)/(?:task/(\\d+)/)?(${names})$`);

export function isTaskFile({ link }: Pick<SeenFile, 'link'>): boolean {
  return pattern.test(link);
}

export interface TaskFile {
  /** Of the process and, below task/, of the thread, as the tree sees them. */
  readonly tasks: number[];
  readonly name: string;
}

/** Undefined: the task is none of the tree's. */
export function taskFileOf(
  file: Pick<SeenFile, 'link' | 'stat'>,
  { vpidOf, hasTask }: Pick<DriverContext, 'vpidOf' | 'hasTask'>,
): TaskFile | undefined {
  const [, process, thread, name] = pattern.exec(file.link) ?? [];
  if (process === undefined || name === undefined) return undefined;
  const numbers = [process, ...(thread === undefined ? [] : [thread])].map(Number);
  const tasks = isByOurs(file)
    ? numbers.map(vpidOf)
    : numbers.map((vpid) => (hasTask(vpid) ? vpid : undefined));
  return tasks.every((pid) => pid !== undefined) ? { tasks, name } : undefined;
}

/** Each PID namespace has a /proc of its own, a device by itself, which counts as that namespace does. */
function isByOurs({ stat }: Pick<SeenFile, 'stat'>): boolean {
  return stat.dev === statSync('/proc', { bigint: true }).dev;
}

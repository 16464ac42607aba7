// Files of /proc/PID and /proc/PID/task/TID: they mean the same on the target when the task is one of the tree.
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
  { link }: Pick<SeenFile, 'link'>,
  { vpidOf }: Pick<DriverContext, 'vpidOf'>,
): TaskFile | undefined {
  const [, process, thread, name] = pattern.exec(link) ?? [];
  if (process === undefined || name === undefined) return undefined;
  const tasks = [process, ...(thread === undefined ? [] : [thread])].map((pid) => vpidOf(Number(pid)));
  return tasks.every((pid) => pid !== undefined) ? { tasks, name } : undefined;
}

// /proc/PID/cgroup (cgroups(7)): where a process sits in the v2 hierarchy, seen from the reader's cgroup namespace.
import { readProcText } from './read-proc.ts';
import { stripDeleted } from './text.ts';

/** Of lines like "6:freezer:/a" (v1) and "0::/b" (v2). A cgroup that was removed under a zombie has the mark " (deleted)". */
export function parseCgroup2(text: string): string | undefined {
  const line = text.split('\n').find((one) => /^\d+::/.test(one));
  return line === undefined ? undefined : stripDeleted(line.slice(line.indexOf('::') + 2)).path;
}

/** "/" is the root; undefined when the process is gone or v2 is not in use. */
export function readCgroup2(pid: number | 'self'): string | undefined {
  return parseCgroup2(readProcText(pid, 'cgroup') ?? '');
}

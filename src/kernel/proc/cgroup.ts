// /proc/PID/cgroup (cgroups(7)): where a process sits in each hierarchy, seen from the reader's cgroup namespace.
import { readProcText } from './read-proc.ts';
import { stripDeleted } from './text.ts';

export interface CgroupMembership {
  /** Path in the v2 hierarchy ("/" its root); undefined when v2 is not in use. */
  readonly v2: string | undefined;
  /** v1: controller, or name=..., to path. */
  readonly v1: ReadonlyMap<string, string>;
}

/** "6:freezer:/a" and "0::/b"; a cgroup that was removed under a zombie has the mark " (deleted)". */
export function parseCgroup(text: string): CgroupMembership {
  let v2: string | undefined;
  const v1 = new Map<string, string>();
  for (const line of text.split('\n')) {
    const first = line.indexOf(':');
    const second = line.indexOf(':', first + 1);
    if (second < 0) continue;
    const { path } = stripDeleted(line.slice(second + 1));
    const controllers = line.slice(first + 1, second);
    if (controllers === '') v2 = path;
    else for (const controller of controllers.split(',')) v1.set(controller, path);
  }
  return { v2, v1 };
}

/** Undefined when the process is gone. */
export function readCgroup(pid: number | 'self'): CgroupMembership | undefined {
  const text = readProcText(pid, 'cgroup');
  return text === undefined ? undefined : parseCgroup(text);
}

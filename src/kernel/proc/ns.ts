// /proc/PID/ns (namespaces(7)): which namespaces a process lives in, by inode.
import { readProcLink } from './read-proc.ts';

export const namespaceKinds = ['pid', 'mnt', 'net', 'ipc', 'uts', 'user', 'cgroup', 'time'] as const;
export type NamespaceKind = (typeof namespaceKinds)[number];

/** Two processes are in the same namespace when the inodes are equal. Absent: this kernel has no such namespaces. */
export type NamespaceIds = { readonly [K in NamespaceKind]?: number };

/** "pid:[4026531836]" */
export function parseNamespaceLink(text: string): number | undefined {
  const open = text.indexOf(':[');
  return open < 0 ? undefined : Number.parseInt(text.slice(open + 2), 10);
}

/** Undefined when the process is gone; a zombie has only pid and user left. */
export function readNamespaces(pid: number | 'self'): NamespaceIds | undefined {
  const ids: { [K in NamespaceKind]?: number } = {};
  for (const kind of namespaceKinds) {
    const link = readProcLink(pid, `ns/${kind}`);
    const id = link === undefined ? undefined : parseNamespaceLink(link);
    if (id !== undefined) ids[kind] = id;
  }
  return ids.pid === undefined ? undefined : ids;
}

// /proc/PID/fd: the descriptors of a process and what each leads to.
import { statSync, type BigIntStats } from 'node:fs';
import { asProcError, isGone, procDir, readProcLink, readProcNumbers } from './read-proc.ts';
import { stripDeleted } from './text.ts';

/** 'path': something in a file system; only stat tells a file from a directory, device, FIFO or socket file. */
export type FdKind =
  | 'path'
  | 'memfd'
  | 'socket'
  | 'pipe'
  | 'eventfd'
  | 'epoll'
  | 'timerfd'
  | 'signalfd'
  | 'inotify'
  | 'fanotify'
  | 'pidfd'
  | 'userfaultfd'
  | 'io_uring'
  | 'namespace'
  | 'other';

export interface FdEntry {
  readonly fd: number;
  /** The link's text, without " (deleted)". */
  readonly target: string;
  readonly deleted: boolean;
  readonly kind: FdKind;
  /** Of sockets, pipes and namespaces: the number in brackets. */
  readonly inode?: number;
}

const anonymous = new Map<string, FdKind>([
  ['eventfd', 'eventfd'],
  ['eventpoll', 'epoll'],
  ['timerfd', 'timerfd'],
  ['signalfd', 'signalfd'],
  ['inotify', 'inotify'],
  ['fanotify', 'fanotify'],
  ['pidfd', 'pidfd'],
  ['userfaultfd', 'userfaultfd'],
  ['io_uring', 'io_uring'],
]);
const namespaces = new Set(['pid', 'mnt', 'net', 'ipc', 'uts', 'user', 'cgroup', 'time']);

/** "/tmp/a (deleted)", "socket:[63400]", "anon_inode:[eventfd]", "anon_inode:inotify", "net:[4026531840]" */
export function parseFdLink(fd: number, text: string): FdEntry {
  const { path: target, deleted } = stripDeleted(text);
  if (target.startsWith('/')) {
    const kind = deleted && target.startsWith('/memfd:') ? 'memfd' : 'path';
    return { fd, target, deleted, kind };
  }
  const colon = target.indexOf(':');
  const type = target.slice(0, colon);
  const name = target.slice(colon + 1).replace(/^\[(.*)\]$/, '$1');
  if (type === 'anon_inode') return { fd, target, deleted, kind: anonymous.get(name) ?? 'other' };
  const inode = Number(name);
  if (type === 'socket' || type === 'pipe') return { fd, target, deleted, kind: type, inode };
  if (namespaces.has(type)) return { fd, target, deleted, kind: 'namespace', inode };
  if (type === 'pidfd') return { fd, target, deleted, kind: 'pidfd' };
  return { fd, target, deleted, kind: target.startsWith('(unreachable)/') ? 'path' : 'other' };
}

/** One descriptor; undefined when it is closed or the process gone. */
export function readFd(pid: number | 'self', fd: number): FdEntry | undefined {
  const text = readProcLink(pid, `fd/${fd}`);
  return text === undefined ? undefined : parseFdLink(fd, text);
}

/** The open descriptors, ascending; undefined when the process is gone, [] for a zombie. */
export function listFds(pid: number | 'self'): FdEntry[] | undefined {
  return readProcNumbers(pid, 'fd')
    ?.map((fd) => readFd(pid, fd))
    .filter((entry) => entry !== undefined);
}

/** What the descriptor is open on, whatever its path leads to today; undefined when it is closed or the process gone. */
export function statFd(pid: number | 'self', fd: number): BigIntStats | undefined {
  const path = `${procDir(pid)}/fd/${fd}`;
  try {
    return statSync(path, { bigint: true });
  } catch (error) {
    if (isGone(error)) return undefined;
    throw asProcError(error, path);
  }
}

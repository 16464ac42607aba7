// /proc/PID/fdinfo/N (proc_pid_fdinfo(5)): what the kernel tells of an open file without asking the process.
import { nsPerSec } from '../../units.ts';
import { readFileSync } from 'node:fs';
import { asProcError, isGone, procDir } from './read-proc.ts';
import { hex64, numbersOf } from './text.ts';

export interface EpollTarget {
  readonly fd: number;
  /** EPOLL* bits. */
  readonly events: number;
  readonly data: bigint;
  readonly pos: bigint;
  readonly ino: number;
  readonly sdev: number;
}

export interface FdInfo {
  /** Of directories a cookie of 63 bits. */
  readonly pos: bigint;
  /** O_*, O_CLOEXEC included. */
  readonly flags: number;
  readonly mntId: number;
  /** Absent before Linux 5.14. */
  readonly ino?: number;
  /** `id` and `semaphore` are absent in old kernels (5.2, 6.5): false and undefined then. */
  readonly eventfd?: { readonly count: bigint; readonly id?: number; readonly semaphore?: boolean };
  /** Nanoseconds left and between expirations. */
  readonly timerfd?: {
    readonly clockid: number;
    readonly ticks: bigint;
    readonly settimeFlags: number;
    readonly itValue: bigint;
    readonly itInterval: bigint;
  };
  /** Present (and maybe empty) only when there is a line: an epoll without targets shows none. */
  readonly epoll?: readonly EpollTarget[];
  /** Of a signalfd; bit n-1 stands for signal n. */
  readonly sigmask?: bigint;
  /** Lines, raw. */
  readonly inotify?: readonly string[];
  /** Lines, raw: of the group, and of each of its marks (proc/fanotify.ts). */
  readonly fanotify?: readonly string[];
  /** As the reader sees it: -1 when the process has ended, 0 when it is outside the reader's namespace. */
  readonly pidfd?: { readonly pid: number; readonly nsPid: readonly number[] };
  /** Descriptors in flight in a unix socket's queue. */
  readonly scmFds?: number;
  /** Lines without "lock:", for parseLockLine. */
  readonly locks: readonly string[];
  /** What this parser does not know, raw. */
  readonly unknown: readonly string[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
interface Draft extends Omit<
  Mutable<FdInfo>,
  'locks' | 'unknown' | 'epoll' | 'inotify' | 'fanotify' | 'eventfd' | 'timerfd' | 'pidfd'
> {
  locks: string[];
  unknown: string[];
  epoll?: EpollTarget[];
  inotify?: string[];
  fanotify?: string[];
  eventfd?: Mutable<NonNullable<FdInfo['eventfd']>>;
  timerfd?: Mutable<NonNullable<FdInfo['timerfd']>>;
  pidfd?: Mutable<NonNullable<FdInfo['pidfd']>>;
}

export function parseFdInfo(text: string): FdInfo {
  const info: Draft = { pos: 0n, flags: 0, mntId: 0, locks: [], unknown: [] };
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const colon = line.indexOf(':');
    const take = fields.get(line.slice(0, colon));
    if (take !== undefined) take(info, line.slice(colon + 1).trim(), line);
    else if (line.startsWith('inotify ')) (info.inotify ??= []).push(line);
    else if (line.startsWith('fanotify ')) (info.fanotify ??= []).push(line);
    else info.unknown.push(line);
  }
  return info;
}

type Take = (info: Draft, value: string, line: string) => void;

function eventfdOf(info: Draft): Mutable<NonNullable<FdInfo['eventfd']>> {
  return (info.eventfd ??= { count: 0n });
}
function timerfdOf(info: Draft): Mutable<NonNullable<FdInfo['timerfd']>> {
  return (info.timerfd ??= { clockid: 0, ticks: 0n, settimeFlags: 0, itValue: 0n, itInterval: 0n });
}
function pidfdOf(info: Draft): Mutable<NonNullable<FdInfo['pidfd']>> {
  return (info.pidfd ??= { pid: -1, nsPid: [] });
}

const fields = new Map<string, Take>([
  ['pos', (info, value) => void (info.pos = BigInt(value))],
  ['flags', (info, value) => void (info.flags = Number.parseInt(value, 8))],
  ['mnt_id', (info, value) => void (info.mntId = Number(value))],
  ['ino', (info, value) => void (info.ino = Number(value))],
  ['lock', (info, value) => void info.locks.push(value)],
  ['scm_fds', (info, value) => void (info.scmFds = Number(value))],
  // Hexadecimal without 0x (fs/eventfd.c: %16llx).
  ['eventfd-count', (info, value) => void (eventfdOf(info).count = hex64(value))],
  ['eventfd-id', (info, value) => void (eventfdOf(info).id = Number(value))],
  ['eventfd-semaphore', (info, value) => void (eventfdOf(info).semaphore = value === '1')],
  ['clockid', (info, value) => void (timerfdOf(info).clockid = Number(value))],
  ['ticks', (info, value) => void (timerfdOf(info).ticks = BigInt(value))],
  ['settime flags', (info, value) => void (timerfdOf(info).settimeFlags = Number.parseInt(value, 8))],
  ['it_value', (info, value) => void (timerfdOf(info).itValue = timespec(value))],
  ['it_interval', (info, value) => void (timerfdOf(info).itInterval = timespec(value))],
  ['tfd', (info, _, line) => void (info.epoll ??= []).push(epollTarget(line))],
  ['sigmask', (info, value) => void (info.sigmask = hex64(value))],
  ['Pid', (info, value) => void (pidfdOf(info).pid = Number(value))],
  ['NSpid', (info, value) => void (pidfdOf(info).nsPid = numbersOf(value))],
]);

/** "(99, 843666869)": seconds, nanoseconds. */
function timespec(text: string): bigint {
  const [seconds = '0', nanoseconds = '0'] = text.slice(1, -1).split(', ');
  return BigInt(seconds) * nsPerSec + BigInt(nanoseconds);
}

/** "tfd:        7 events: 80000019 data: deadbeefcafef00d  pos:0 ino:40f sdev:10" */
function epollTarget(line: string): EpollTarget {
  const [fd = '0', events = '0', data = '0', pos = '0', ino = '0', sdev = '0'] = line
    .split(/\s*\w+:\s*/)
    .slice(1);
  return {
    fd: Number(fd),
    events: Number.parseInt(events, 16),
    data: hex64(data.trim()),
    pos: BigInt(pos),
    ino: Number.parseInt(ino, 16),
    sdev: Number.parseInt(sdev, 16),
  };
}

/** Undefined when the descriptor is closed or the process gone. */
export function readFdInfo(pid: number | 'self', fd: number): FdInfo | undefined {
  const path = `${procDir(pid)}/fdinfo/${fd}`;
  try {
    return parseFdInfo(readFileSync(path, 'utf8'));
  } catch (error) {
    if (isGone(error)) return undefined;
    throw asProcError(error, path);
  }
}

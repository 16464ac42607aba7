// /proc/locks (proc_locks(5)): file locks and leases of the whole machine, and the same lines in fdinfo.
import { readFileSync } from 'node:fs';

export interface FileLock {
  readonly id: number;
  /** Waits for the lock with the same id. */
  readonly blocked: boolean;
  readonly kind: 'FLOCK' | 'POSIX' | 'OFDLCK' | 'LEASE' | 'DELEG' | 'ACCESS';
  /** ADVISORY, MANDATORY; of leases ACTIVE, BREAKING, BREAKER. */
  readonly mode: string;
  readonly type: 'READ' | 'WRITE' | 'RW' | 'UNLCK' | 'NONE';
  /** As the reader sees it; -1 for OFDLCK, 0 for an owner outside the reader's PID namespace. */
  readonly pid: number;
  readonly devMajor: number;
  readonly devMinor: number;
  readonly inode: number;
  readonly start: bigint;
  /** Last byte locked; undefined: to the end of the file, however it grows. */
  readonly end: bigint | undefined;
}

/** "1: POSIX  ADVISORY  WRITE 19717 fe:00:2146367 10 14"; a waiter has "-> " before the kind. */
export function parseLockLine(line: string): FileLock | undefined {
  const fields = line.trim().split(/\s+/);
  const blocked = fields[1] === '->';
  if (blocked) fields.splice(1, 1);
  const [id, kind, mode, type, pid, file, start, end] = fields;
  if (id === undefined || file === undefined || start === undefined || end === undefined) return undefined;
  const [major = '0', minor = '0', inode = '0'] = file.split(':');
  return {
    id: Number.parseInt(id, 10),
    blocked,
    kind: kind as FileLock['kind'],
    mode: mode ?? '',
    type: type as FileLock['type'],
    pid: Number(pid),
    devMajor: Number.parseInt(major, 16),
    devMinor: Number.parseInt(minor, 16),
    inode: Number(inode),
    start: BigInt(start),
    end: end === 'EOF' ? undefined : BigInt(end),
  };
}

export function parseLocks(text: string): FileLock[] {
  return text
    .split('\n')
    .map(parseLockLine)
    .filter((lock) => lock !== undefined);
}

/** Every lock that the reader's PID namespace may see. */
export function readLocks(): FileLock[] {
  return parseLocks(readFileSync('/proc/locks', 'latin1'));
}

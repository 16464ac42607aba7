// Locks on regular files, as fdinfo shows them.
import type { FileLocks } from '../../images/resources/file-locks.ts';
import type { FileLock } from '../../kernel/proc/locks.ts';
import type { Refusal } from './driver.ts';
import type { OpenFileGroup, SeenFile } from './seen-file.ts';

const lockShared = 1;
const lockExclusive = 2;

/** A lease is lost by looking at its file: whoever opens it breaks a write lease, and one that is being broken ends by itself. */
export function hasFragileLease({ locks }: Pick<SeenFile, 'locks'>): boolean {
  return locks.some(({ kind, mode, type }) => kind === 'LEASE' && (mode !== 'ACTIVE' || type !== 'READ'));
}

export function lockRefusal(group: OpenFileGroup): Refusal | undefined {
  const locks = group.holders.flatMap((file) => file.locks);
  if (locks.some(({ kind }) => kind === 'DELEG'))
    return {
      reason: 'it holds a delegation, which belongs to an NFS server',
      remedy: 'stop serving the file',
    };
  const lease = locks.find(({ kind }) => kind === 'LEASE');
  if (lease === undefined || !hasFragileLease(group.first)) return undefined;
  const remedy = 'let the program release the lease for the migration (fcntl F_SETLEASE, F_UNLCK)';
  return lease.mode === 'ACTIVE'
    ? { reason: 'it holds a write lease, which the kernel breaks when the agents open the file', remedy }
    : { reason: 'it holds a lease that is being broken: another process waits for its release', remedy };
}

/** Any descriptor of an open file shows its own locks; those of a process only its own descriptors (fs/locks.c, show_fd_locks). */
export function locksOf({ first, holders }: OpenFileGroup): FileLocks | undefined {
  if (holders.every(({ info }) => info.locks.length === 0)) return undefined;
  const whole = first.locks.find(({ kind }) => kind === 'FLOCK');
  const records = holders.flatMap(({ process, locks }) =>
    locks.filter(({ kind }) => kind === 'POSIX').map((lock) => ({ pid: process.vpid, ...rangeOf(lock) })),
  );
  return {
    flock: whole === undefined ? 0 : whole.type === 'WRITE' ? lockExclusive : lockShared,
    ranges: first.locks.filter(({ kind }) => kind === 'OFDLCK').map(rangeOf),
    readLease: first.locks.some(({ kind }) => kind === 'LEASE'),
    // A process may have several descriptors of it.
    records: [...new Map(records.map((record) => [`${record.pid}:${record.start}`, record])).values()],
  };
}

function rangeOf({ type, start, end }: FileLock): FileLocks['ranges'][number] {
  return { write: type === 'WRITE', start, length: end === undefined ? 0n : end - start + 1n };
}

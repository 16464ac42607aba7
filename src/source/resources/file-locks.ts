// Locks on regular files, as fdinfo shows them.
import type { FileLocks } from '../../images/resources/file-locks.ts';
import type { FileLock } from '../../kernel/proc/locks.ts';
import type { Refusal } from './driver.ts';
import type { OpenFileGroup } from './seen-file.ts';

const lockShared = 1;
const lockExclusive = 2;
const otherLocks = new Map([
  ['LEASE', 'a lease (fcntl F_SETLEASE)'],
  ['DELEG', 'a delegation'],
]);

export function lockRefusal(group: OpenFileGroup): Refusal | undefined {
  const lock = group.holders.flatMap((file) => file.locks).find(({ kind }) => otherLocks.has(kind));
  if (lock === undefined) return undefined;
  return {
    reason: `it holds ${otherLocks.get(lock.kind) ?? lock.kind}, which Godwit does not carry yet`,
    remedy:
      'let the program release the lock for the migration; those of flock(2), F_SETLK and F_OFD_SETLK are carried',
  };
}

/** Any descriptor of an open file shows its own locks; those of a process only its own descriptors (fs/locks.c, show_fd_locks). */
export function locksOf({ first, holders }: OpenFileGroup): FileLocks {
  const whole = first.locks.find(({ kind }) => kind === 'FLOCK');
  const records = holders.flatMap(({ process, locks }) =>
    locks.filter(({ kind }) => kind === 'POSIX').map((lock) => ({ pid: process.vpid, ...rangeOf(lock) })),
  );
  return {
    flock: whole === undefined ? 0 : whole.type === 'WRITE' ? lockExclusive : lockShared,
    ranges: first.locks.filter(({ kind }) => kind === 'OFDLCK').map(rangeOf),
    // A process may have several descriptors of it.
    records: [...new Map(records.map((record) => [`${record.pid}:${record.start}`, record])).values()],
  };
}

function rangeOf({ type, start, end }: FileLock): FileLocks['ranges'][number] {
  return { write: type === 'WRITE', start, length: end === undefined ? 0n : end - start + 1n };
}

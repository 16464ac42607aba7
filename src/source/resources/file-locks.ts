// Locks on regular files, as fdinfo shows them.
import type { FileLocks } from '../../images/resources/file-locks.ts';
import type { Refusal } from './driver.ts';
import type { OpenFileGroup } from './seen-file.ts';

const lockShared = 1;
const lockExclusive = 2;
const otherLocks = new Map([
  ['POSIX', 'a POSIX record lock (fcntl F_SETLK)'],
  ['LEASE', 'a lease (fcntl F_SETLEASE)'],
  ['DELEG', 'a delegation'],
]);

export function lockRefusal(group: OpenFileGroup): Refusal | undefined {
  const lock = group.holders.flatMap((file) => file.locks).find(({ kind }) => otherLocks.has(kind));
  if (lock === undefined) return undefined;
  return {
    reason: `it holds ${otherLocks.get(lock.kind) ?? lock.kind}, which Godwit does not carry yet`,
    remedy:
      'let the program release the lock for the migration; those of flock(2) and F_OFD_SETLK are carried',
  };
}

/** Locks that belong to the open file, so that any of its descriptors shows them. */
export function locksOf({ first }: OpenFileGroup): FileLocks {
  const whole = first.locks.find(({ kind }) => kind === 'FLOCK');
  const ranges = first.locks.filter(({ kind }) => kind === 'OFDLCK');
  return {
    flock: whole === undefined ? 0 : whole.type === 'WRITE' ? lockExclusive : lockShared,
    ranges: ranges.map(({ type, start, end }) => ({
      write: type === 'WRITE',
      start,
      length: end === undefined ? 0n : end - start + 1n,
    })),
  };
}

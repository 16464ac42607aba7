// Locks that belong to an open file: taken through the agent's descriptor of it. On shared storage the source holds them until its
// end; then they are taken later.
import { GodwitError } from '../../errors.ts';
import type { FileLocks } from '../../images/resources/file-locks.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { errnoName, Program } from '../../kernel/program.ts';
import type { OpenContext } from './driver.ts';

const lockNonblock = 4;
/** F_OFD_SETLK, F_RDLCK, F_WRLCK: asm-generic/fcntl.h. */
const ofdSetLock = 37;
const [readLock, writeLock] = [0, 1];

/** Takes a lock without waiting: 0 or negative errno. */
export type TakeLock = () => number;

/** @throws GodwitError SYSCALL */
export function lockOrLater(
  fd: number,
  { flock, ranges }: FileLocks,
  path: string,
  { lockLater }: Pick<OpenContext, 'lockLater'>,
): void {
  const takes: TakeLock[] = ranges.map((range) => () => lockRange(fd, range));
  if (flock !== 0) takes.push(() => lockWhole(fd, flock));
  for (const take of takes) {
    const result = take();
    if (errnoName(result) === 'EAGAIN') lockLater(fd, take);
    else if (result < 0)
      throw new GodwitError('SYSCALL', `${path}: its lock cannot be taken: ${errnoName(result)}`);
  }
}

/** flock(2). */
function lockWhole(fd: number, operation: number): number {
  const program = new Program();
  const result = program.attempt('flock', fd, operation | lockNonblock);
  return runLocal(program).number(result);
}

/** struct flock of x86-64: type and whence (16 bits each), start and length at 8 and 16, pid at 24. */
function lockRange(fd: number, { write, start, length }: FileLocks['ranges'][number]): number {
  const view = new DataView(new ArrayBuffer(32));
  view.setInt16(0, write ? writeLock : readLock, true);
  view.setBigInt64(8, start, true);
  view.setBigInt64(16, length, true);
  const program = new Program();
  const result = program.attempt('fcntl', fd, ofdSetLock, program.bytes(new Uint8Array(view.buffer)));
  return runLocal(program).number(result);
}

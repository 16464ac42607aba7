// Locks on files. Those of an open file are taken through the agent's descriptor of it, those of a process (F_SETLK) by the process.
// On shared storage the source holds them until it has committed; then they are taken later, before the tree runs.
import { GodwitError } from '../../errors.ts';
import type { FileLocks } from '../../images/resources/file-locks.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { errnoName, Program, type Result } from '../../kernel/program.ts';
import { structFlock, type LateRecord } from '../../kernel/struct-flock.ts';
import type { ConnectContext, OpenContext } from './driver.ts';

const lockNonblock = 4;
/** F_SETLK, F_OFD_SETLK: asm-generic/fcntl.h. */
const setLock = 6;
const ofdSetLock = 37;
const setLease = 1024;
const readLock = 0;

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

function lockRange(fd: number, range: FileLocks['ranges'][number]): number {
  const program = new Program();
  const result = program.attempt('fcntl', fd, ofdSetLock, program.bytes(structFlock(range)));
  return runLocal(program).number(result);
}

/**
 * POSIX record locks, each by its process: no descriptor of the file may be closed there any more, for that drops them (fcntl_locking(2)).
 * @throws GodwitError SYSCALL, PROTOCOL
 */
export function takeRecords(file: number, { records }: FileLocks, context: ConnectContext): void {
  for (const record of records) {
    const fd = context.placesOf(file).find(({ vpid }) => vpid === record.pid)?.fd;
    if (fd === undefined)
      throw new GodwitError(
        'PROTOCOL',
        `process ${record.pid} has a lock on open file ${file}, but no descriptor of it`,
      );
    const program = new Program();
    const result = askRecord(program, { ...record, fd });
    const taken = context.runner(record.pid).run(program).number(result);
    if (errnoName(taken) === 'EAGAIN') context.recordLater({ ...record, fd });
    else if (taken < 0)
      throw new GodwitError(
        'SYSCALL',
        `process ${record.pid} fd ${fd}: its record lock cannot be taken: ${errnoName(taken)}`,
      );
  }
}

/** By a process that has it: the kernel takes it for the owner until connectOwner names one. @throws GodwitError REFUSED */
export function takeLease(file: number, { readLease }: FileLocks, context: ConnectContext): void {
  const place = context.placesOf(file)[0];
  if (!readLease || place === undefined) return;
  const program = new Program();
  const result = program.attempt('fcntl', place.fd, setLease, readLock);
  const taken = context.runner(place.vpid).run(program).number(result);
  if (taken === 0) return;
  const reason = `process ${place.vpid} fd ${place.fd}: its read lease cannot be taken: ${errnoName(taken)}`;
  throw new GodwitError('REFUSED', reason, { hint: 'somebody on the target has the file open for writing' });
}

/** Adds the call that takes a record lock without waiting. */
export function askRecord(program: Program, record: LateRecord): Result {
  return program.attempt('fcntl', record.fd, setLock, program.bytes(structFlock(record)));
}

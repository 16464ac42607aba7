// Locks on a file, which may be anything that can be open: directories and FIFOs have them as well.
import * as z from 'zod';
import { i64, list, pid } from '../scalars.ts';

const range = {
  write: z.boolean(),
  /** Bytes from `start`; length 0: to the end of the file, however it grows. */
  start: i64,
  length: i64,
};

export const fileLocksSchema = z.strictObject({
  /** flock(2), of the open file: LOCK_SH 1, LOCK_EX 2; 0: none. */
  flock: z.number().int().min(0).max(2).default(0),
  /** fcntl(F_OFD_SETLK), of the open file. */
  ranges: list(z.strictObject(range)).default([]),
  /** fcntl(F_SETLK), of a process that has the file open: POSIX record locks. */
  records: list(z.strictObject({ pid, ...range })).default([]),
  /** fcntl(F_SETLEASE, F_RDLCK), of the open file. */
  readLease: z.boolean().default(false),
});
export type FileLocks = z.infer<typeof fileLocksSchema>;

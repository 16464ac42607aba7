// Locks that belong to an open file.
import * as z from 'zod';
import { i64, list } from '../scalars.ts';

export const fileLocksSchema = z.strictObject({
  /** flock(2): LOCK_SH 1, LOCK_EX 2; 0: none. */
  flock: z.number().int().min(0).max(2).default(0),
  /** fcntl(F_OFD_SETLK): bytes from `start`; length 0: to the end of the file, however it grows. */
  ranges: list(z.strictObject({ write: z.boolean(), start: i64, length: i64 })).default([]),
});
export type FileLocks = z.infer<typeof fileLocksSchema>;

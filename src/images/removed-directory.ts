// A directory that was removed while a process works in it, or has it open: nothing is in it, and nothing can be made in it.
import * as z from 'zod';
import { u32, u64 } from './scalars.ts';

export const removedDirectorySchema = z.strictObject({
  /** Tells it from others of the tree. */
  id: u64,
  mode: z.number().int().min(0).max(0o7777),
  uid: u32,
  gid: u32,
});
export type RemovedDirectory = z.infer<typeof removedDirectorySchema>;

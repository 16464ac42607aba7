// A file that is nothing but its name: null, zero, full, random, urandom, and files of /proc and /sys that any
// host has, or that belong to a task of the tree.
import * as z from 'zod';
import { i64, list, path, pid, u32 } from '../scalars.ts';

export const deviceSchema = z.strictObject({
  kind: z.literal('device'),
  path,
  /** 0 and 0: a file of /proc or /sys. */
  major: u32,
  minor: u32,
  position: i64.default(0n),
  /** A file of /proc/PID, or of /proc/PID/task/TID: `path` is its name there. */
  tasks: list(pid, 2).default([]),
});

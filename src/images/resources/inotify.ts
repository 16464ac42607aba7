// An inotify instance: what it watches, by path, under which numbers.
import * as z from 'zod';
import { list, path, u32 } from '../scalars.ts';

/** Numbers are given in order, so that a high one costs the target as many steps. */
export const maxWatchNumber = 10_000;

export const inotifySchema = z.strictObject({
  kind: z.literal('inotify'),
  /** In ascending order of their numbers. */
  watches: list(
    z.strictObject({
      wd: z.number().int().min(1).max(maxWatchNumber),
      path,
      /** IN_* of inotify_add_watch(2). */
      mask: u32,
    }),
    maxWatchNumber,
  ),
});

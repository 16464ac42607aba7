// A descriptor of a process or thread (pidfd_open(2)).
import * as z from 'zod';
import { pid } from '../scalars.ts';

export const pidfdSchema = z.strictObject({
  kind: z.literal('pidfd'),
  /** A task of the tree, zombies too; absent: it has ended, and nobody can wait for it any more. */
  pid: pid.optional(),
  /** PIDFD_THREAD (Linux 6.9). */
  thread: z.boolean(),
});

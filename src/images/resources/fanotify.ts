// A fanotify group: how it was made, and what it watches.
import * as z from 'zod';
import { list, path, pid, u32 } from '../scalars.ts';

export const maxMarks = 100_000;

export const markSchema = z.strictObject({
  object: z.discriminatedUnion('on', [
    z.strictObject({ on: z.literal('inode'), path }),
    /** The mount at this path. */
    z.strictObject({ on: z.literal('mount'), path }),
    /** The file system that is mounted at this path. */
    z.strictObject({ on: z.literal('filesystem'), path }),
    /** The mount namespace of a process of the tree. */
    z.strictObject({ on: z.literal('namespace'), process: pid }),
  ]),
  /** FAN_MARK_* that stay with a mark. */
  flags: u32,
  /** FAN_* of fanotify_mark(2). */
  mask: u32,
  ignored: u32,
});

export const fanotifySchema = z.strictObject({
  kind: z.literal('fanotify'),
  /** FAN_* of fanotify_init(2). */
  flags: u32,
  /** O_* of the descriptors that come with events. */
  eventFlags: u32,
  /** It is to be made without CAP_SYS_ADMIN: its events name no process but the reader's own. */
  unprivileged: z.boolean(),
  /** In the order in which they were added. */
  marks: list(markSchema, maxMarks),
});

// What comes beside the bytes of a message that waits in a unix socket: open files in flight, and who has sent it.
import * as z from 'zod';
import { index, list, u32 } from '../scalars.ts';

export const ancillarySchema = z.strictObject({
  /** Which message of the queue. */
  message: z.number().int().min(0).max(65_535),
  /** SCM_RIGHTS: ids of open files, in order. The kernel's limit is SCM_MAX_FD. */
  files: list(index, 253).default([]),
  /** SCM_CREDENTIALS. Absent: the kernel noted nobody down, or shows it to nobody (no SO_PASSCRED). */
  credentials: z
    .strictObject({
      /** As the tree sees it; 0: none that its PID namespace shows. It may have ended. */
      pid: u32,
      uid: u32,
      gid: u32,
    })
    .optional(),
});
export type Ancillary = z.infer<typeof ancillarySchema>;

// A classic socket filter (SO_ATTACH_FILTER).
import * as z from 'zod';
import { bytes } from '../scalars.ts';

export const socketFilterSchema = z.strictObject({
  /** struct sock_filter, 8 bytes each; the kernel takes 4,096 (BPF_MAXINSNS). */
  program: bytes(8 * 4096),
  /** SO_LOCK_FILTER: nobody takes it off any more. */
  locked: z.boolean(),
});
export type SocketFilter = z.output<typeof socketFilterSchema>;

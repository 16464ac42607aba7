// One end of a pipe or of a named FIFO. Both ends name the same pipe by its inode; one open file of it carries the data.
import * as z from 'zod';
import { bytes, list, u32, u64 } from '../scalars.ts';

export const pipeSchema = z.strictObject({
  kind: z.literal('pipe'),
  /** The source's inode: equal for the ends of one pipe. */
  pipe: u64,
  end: z.enum(['read', 'write', 'both']),
  /** F_GETPIPE_SZ, bytes. */
  capacity: z
    .number()
    .int()
    .min(4096)
    .max(1 << 30),
  data: bytes(1 << 30).optional(),
  /** Lengths of the packets that `data` is made of (O_DIRECT, pipe(7)); absent: a plain stream. */
  packets: list(u32, 262_144).optional(),
  /** Path of a named FIFO. */
  fifo: z.string().max(4096).optional(),
});

// An epoll instance: which descriptors of which process it watches.
import * as z from 'zod';
import { fd, list, u32, u64 } from '../scalars.ts';

export const epollSchema = z.strictObject({
  kind: z.literal('epoll'),
  /** The key of a watch is (file, number): `fd` is the number in the process that added it, `file` the open file's id. */
  watches: list(z.strictObject({ fd, file: z.number().int().min(0), events: u32, data: u64 })),
});

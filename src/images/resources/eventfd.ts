// An eventfd: a counter.
import * as z from 'zod';
import { u64 } from '../scalars.ts';

export const eventfdSchema = z.strictObject({
  kind: z.literal('eventfd'),
  count: u64,
  semaphore: z.boolean(),
});

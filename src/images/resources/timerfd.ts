// A timerfd. Times in nanoseconds.
import * as z from 'zod';
import { nanoseconds, u32, u64 } from '../scalars.ts';

export const timerfdSchema = z.strictObject({
  kind: z.literal('timerfd'),
  clock: z.number().int(),
  /** Expirations not read yet. */
  ticks: u64,
  settimeFlags: u32,
  /** Time left when it was read; 0: not armed. */
  remaining: nanoseconds,
  interval: nanoseconds,
});

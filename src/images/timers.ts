// Interval timers and POSIX timers of a process. Times in nanoseconds.
import * as z from 'zod';
import { list, nanoseconds, u64 } from './scalars.ts';

export const intervalTimerSchema = z.strictObject({
  /** ITIMER_REAL 0, ITIMER_VIRTUAL 1, ITIMER_PROF 2. */
  which: z.number().int().min(0).max(2),
  /** Time left when it was read; 0: not armed. */
  remaining: nanoseconds,
  interval: nanoseconds,
});
export type IntervalTimer = z.infer<typeof intervalTimerSchema>;

export const posixTimerSchema = z.strictObject({
  id: z.number().int().min(0),
  clock: z.number().int(),
  /** SIGEV_SIGNAL 0, SIGEV_NONE 1, SIGEV_THREAD_ID 4 (with bit 2 of SIGEV_THREAD seen by libc only). */
  notify: z.number().int().min(0).max(6),
  signal: z.number().int().min(0).max(64),
  /** TID for SIGEV_THREAD_ID. */
  thread: z.number().int().min(0),
  value: u64,
  /** Time left when it was read; 0: not armed. Below 0: so long ago it has expired, and its signal waits; one that repeats counts from there. */
  remaining: nanoseconds,
  interval: nanoseconds,
  overrun: z.number().int().min(0),
});
export type PosixTimer = z.infer<typeof posixTimerSchema>;

export const timersSchema = z.strictObject({
  /** The tree's CLOCK_MONOTONIC when they were read, and how far its CLOCK_BOOTTIME was ahead of it. */
  readAt: nanoseconds,
  boottimeAhead: nanoseconds,
  intervals: list(intervalTimerSchema, 3),
  posix: list(posixTimerSchema, 100_000),
});
export type Timers = z.infer<typeof timersSchema>;

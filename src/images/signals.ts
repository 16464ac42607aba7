// Signals of a process and of its threads.
import * as z from 'zod';
import { bytes, list, u64 } from './scalars.ts';

export const signalActionSchema = z.strictObject({
  signal: z.number().int().min(1).max(64),
  /** 0 SIG_DFL, 1 SIG_IGN, else the address of the handler. */
  handler: u64,
  flags: u64,
  restorer: u64,
  mask: u64,
});
export type SignalAction = z.infer<typeof signalActionSchema>;

/** siginfo_t as the kernel keeps it: 128 bytes, queued again by rt_sigqueueinfo in order. */
export const pendingSignalsSchema = list(bytes(128), 65_536);
export type PendingSignals = z.infer<typeof pendingSignalsSchema>;

export const alternateStackSchema = z.strictObject({
  address: u64,
  flags: z.number().int(),
  size: u64,
});
export type AlternateStack = z.infer<typeof alternateStackSchema>;

// One thread: everything that the kernel keeps per task.
import * as z from 'zod';
import { threadControlsSchema } from './controls.ts';
import { credentialsSchema } from './credentials.ts';
import { bytes, i64, list, pid, u32, u64 } from './scalars.ts';
import { alternateStackSchema, pendingSignalsSchema } from './signals.ts';

export const threadSchema = z.strictObject({
  tid: pid,
  comm: z.string().max(64),
  /** struct user_regs_struct, 27 words; interrupted system calls are already prepared for their restart. */
  registers: bytes(216),
  /** NT_X86_XSTATE, XSAVE layout of the source's CPU. */
  xstate: bytes(65_536),
  signalMask: u64,
  alternateStack: alternateStackSchema,
  pending: pendingSignalsSchema,
  /** set_tid_address(2); 0: none. */
  clearTid: u64,
  robustList: z.strictObject({ head: u64, length: u64 }),
  rseq: z.strictObject({ area: u64, size: u32, signature: u32 }).optional(),
  credentials: credentialsSchema,
  parentDeathSignal: z.number().int().min(0).max(64),
  /** PR_SET_TIMERSLACK in nanoseconds. */
  timerSlack: u64,
  controls: threadControlsSchema,
  scheduling: z.strictObject({
    policy: z.number().int(),
    nice: z.number().int().min(-20).max(19),
    priority: z.number().int().min(0).max(99),
    /** Bytes of the CPU mask. */
    affinity: bytes(8192),
    /** ioprio_get(2). */
    ioPriority: z.number().int(),
  }),
  /**
   * A timed wait that the freeze interrupted (rax is -ERESTART_RESTARTBLOCK, or it is issued again): the call, and when
   * it ends on the tree's CLOCK_MONOTONIC, in nanoseconds. The target primes the kernel's restart block with what is left.
   */
  wait: z.strictObject({ syscall: z.number().int().min(0).max(1023), deadline: i64 }).optional(),
});
export type ThreadImage = z.infer<typeof threadSchema>;
export const threadsSchema = list(threadSchema, 100_000);

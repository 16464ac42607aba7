// Control messages from target to source. Schemas only: what may follow what stands in session-states.ts.
import * as z from 'zod';
import { blockerSchema } from '../images/requirements.ts';
import { missingRunsSchema } from '../images/missing.ts';
import { address, bytes, i64, list, pid } from '../images/scalars.ts';
import { count, hostFields, migrationId, problemFields, sequence, times, version } from './message-fields.ts';

export const targetMessages = [
  z.strictObject({ type: z.literal('welcome'), version, ...hostFields, migrationId }),
  /** Instead of welcome. Its shape stays the same in all versions. */
  z.strictObject({ type: z.literal('refused'), version: version.optional(), ...problemFields }),
  z.strictObject({ type: z.literal('checked'), blockers: list(blockerSchema, 100_000) }),
  z.strictObject({ type: z.literal('staged'), ms: z.number().min(0) }),
  /** `ms`: from the state to PREPARED; absent when it failed. */
  z.strictObject({ type: z.literal('rehearsed'), ms: z.number().min(0).optional() }),
  z.strictObject({ type: z.literal('round-acked'), round: count, lastSequence: sequence }),
  /** The target's clocks in nanoseconds, read when the probe arrived. */
  z.strictObject({
    type: z.literal('clock-reply'),
    n: count,
    monotonicNs: i64,
    boottimeNs: i64,
    realtimeNs: i64,
  }),
  /**
   * The whole tree stands in a frozen cgroup and survives the target agent's death. `heldLocks`: on shared storage the source holds
   * file locks of the tree, which it must release when it has committed.
   */
  z.strictObject({ type: z.literal('prepared'), times, heldLocks: z.boolean().optional() }),
  /** `ranMs`: how long the tree has run. */
  z.strictObject({ type: z.literal('running'), times, ranMs: z.number().min(0) }),
  /**
   * Packets of the tree's connections that are forwarded (kernel/tcp-segment.ts), which leave the source in its name; and those that have
   * ended, as connectionName writes them.
   */
  z.strictObject({
    type: z.literal('forward'),
    segments: bytes(48 << 20),
    ended: list(z.string().max(128), 100_000),
  }),
  z.strictObject({
    type: z.literal('resolved'),
    state: z.enum(['running', 'post-copy', 'prepared', 'aborted', 'unknown']),
  }),
  /** What the tree still misses, as addresses of the source. */
  z.strictObject({ type: z.literal('missing'), spaces: list(missingRunsSchema, 32_768) }),
  /** Threads wait for these pages: they go before all others. */
  z.strictObject({
    type: z.literal('wanted'),
    pages: list(z.strictObject({ space: pid, address })),
  }),
  /** The tree misses nothing any more: the source's copy may go. */
  z.strictObject({ type: z.literal('complete') }),
  z.strictObject({
    type: z.literal('progress'),
    step: z.string().max(64),
    done: z.number().min(0),
    total: z.number().min(0),
  }),
  z.strictObject({ type: z.literal('log'), level: z.enum(['info', 'warning']), text: z.string().max(8192) }),
  z.strictObject({ type: z.literal('error'), ...problemFields }),
] as const;

export const targetMessageSchema = z.discriminatedUnion('type', [...targetMessages]);
export type TargetMessage = z.infer<typeof targetMessageSchema>;
export type Welcome = Extract<TargetMessage, { type: 'welcome' }>;

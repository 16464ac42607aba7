// Control messages from source to target. Schemas only: what may follow what stands in session-states.ts.
import * as z from 'zod';
import { clocksSchema } from '../images/layout.ts';
import { layoutUpdateSchema } from '../images/layout-update.ts';
import { requirementsSchema } from '../images/requirements.ts';
import { bytes, list } from '../images/scalars.ts';
import { finalStateSchema, treeStateSchema } from '../images/state.ts';
import { count, hostFields, migrationId, problemFields, sequence } from './message-fields.ts';

/** TCP segments for the tree's connections, which their sockets have not heard (kernel/tcp-segment.ts). */
const segments = bytes(48 << 20);

export const sourceMessages = [
  /** First message of every control connection. `plaintext`: the operator allowed an unencrypted link. */
  z.strictObject({
    type: z.literal('hello'),
    magic: z.string().max(16),
    version: z.number().int().min(0),
    ...hostFields,
    migrationId,
    purpose: z.enum(['migrate', 'resolve', 'post-copy']).default('migrate'),
    plaintext: z.boolean(),
    /** Milliseconds in which the source comes back when the link breaks before its tree is frozen. 0: it does not. */
    reconnectForMs: z.number().int().min(0).max(3_600_000).optional(),
    cpuFlags: list(z.string().max(32), 1024).optional(),
  }),
  z.strictObject({ type: z.literal('check'), requirements: requirementsSchema }),
  /** The shape of the tree: what is different from the one before; answered before pages of new mappings are sent. */
  z.strictObject({ type: z.literal('stage'), layout: layoutUpdateSchema, clocks: clocksSchema }),
  /** A small tree of the source's own, to be built and thrown away: the code is warm when the real one comes. */
  z.strictObject({
    type: z.literal('rehearse'),
    state: treeStateSchema,
    clocks: clocksSchema,
    /** At most so often. */
    landings: z.number().int().min(1).max(100).default(1),
  }),
  z.strictObject({ type: z.literal('round-end'), round: count, lastSequence: sequence }),
  z.strictObject({ type: z.literal('clock-probe'), n: count }),
  /** The tree is frozen: all that is not page content, and the last frame that belongs to it. */
  z.strictObject({
    type: z.literal('final'),
    layout: layoutUpdateSchema,
    state: finalStateSchema,
    lastSequence: sequence,
  }),
  /** Sent only after the owner word was won: from here the target owns the tree. */
  z.strictObject({ type: z.literal('commit'), segments: segments.optional() }),
  /** TCP segments that came to the source after that. */
  z.strictObject({ type: z.literal('late'), segments }),
  z.strictObject({ type: z.literal('abort'), reason: z.strictObject(problemFields) }),
  /** On a connection of its own: how a migration in doubt ends. */
  z.strictObject({ type: z.literal('resolve'), migrationId, verdict: z.enum(['commit', 'abort']) }),
  /** On a connection of its own, whose ID is another one: the tree of that migration runs, and the rest of its memory comes here. */
  z.strictObject({ type: z.literal('fetch'), migrationId }),
  z.strictObject({ type: z.literal('error'), ...problemFields }),
] as const;

export const sourceMessageSchema = z.discriminatedUnion('type', [...sourceMessages]);
export type SourceMessage = z.infer<typeof sourceMessageSchema>;
export type Hello = Extract<SourceMessage, { type: 'hello' }>;

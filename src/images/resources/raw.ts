// A raw socket (raw(7)): its protocol stands where others have a port. What waits unread in it does not travel.
import * as z from 'zod';
import { bytes, list } from '../scalars.ts';
import { socketFilterSchema } from './socket-filter.ts';
import { socketOptionSchema } from './tcp.ts';
import { membershipSchema } from './udp.ts';

export const rawSchema = z.strictObject({
  kind: z.literal('raw'),
  family: z.union([z.literal(2), z.literal(10)]),
  /** IPPROTO_*. */
  protocol: z.number().int().min(0).max(0xffff),
  local: bytes(28).optional(),
  remote: bytes(28).optional(),
  options: list(socketOptionSchema, 64),
  memberships: list(membershipSchema, 65_536),
  filter: socketFilterSchema.optional(),
  /** Something waited to be read: it is lost, as the network may lose it. */
  unread: z.boolean(),
});

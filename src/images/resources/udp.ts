// A UDP or ICMP echo socket: unbound, bound or connected; with its multicast groups and what waits to be read.
import * as z from 'zod';
import { bytes, list } from '../scalars.ts';
import { socketFilterSchema } from './socket-filter.ts';
import { socketOptionSchema } from './tcp.ts';

/** A multicast group that it has joined, on an interface by name; the source filter as MCAST_MSFILTER has it. */
export const membershipSchema = z.strictObject({
  device: z.string().min(1).max(15),
  /** 4 or 16 bytes, as the sources. */
  group: bytes(16),
  mode: z.enum(['include', 'exclude']),
  sources: list(bytes(16), 65_536),
});

/** A datagram that waits to be read. */
const datagramSchema = z.strictObject({
  /** struct sockaddr_in or sockaddr_in6. */
  from: bytes(28),
  /** The address that it was sent to, 4 or 16 bytes. */
  to: bytes(16),
  data: bytes(65_535),
});

export const udpSchema = z.strictObject({
  kind: z.literal('udp'),
  family: z.union([z.literal(2), z.literal(10)]),
  /** IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6. */
  protocol: z.union([z.literal(17), z.literal(1), z.literal(58)]).default(17),
  local: bytes(28).optional(),
  remote: bytes(28).optional(),
  options: list(socketOptionSchema, 64),
  memberships: list(membershipSchema, 65_536).default([]),
  queue: list(datagramSchema, 262_144).default([]),
  filter: socketFilterSchema.optional(),
});

// A TCP socket: listening, not yet bound or connected, or a connection that is dropped by --tcp-close.
import * as z from 'zod';
import { bytes, list, u32 } from '../scalars.ts';

/** One socket option: level, name, value as bytes. */
export const socketOptionSchema = z.strictObject({
  level: z.number().int(),
  name: z.number().int(),
  value: bytes(256),
});

export const tcpSchema = z.strictObject({
  kind: z.literal('tcp'),
  family: z.union([z.literal(2), z.literal(10)]),
  /** IPPROTO_TCP 6 or IPPROTO_MPTCP 262, as the socket was made. */
  protocol: z.number().int(),
  state: z.enum(['listening', 'bound', 'unbound', 'dropped']),
  /** struct sockaddr_in or sockaddr_in6. */
  local: bytes(28).optional(),
  backlog: u32.default(0),
  options: list(socketOptionSchema, 64),
});

// A UDP socket: unbound, bound or connected.
import * as z from 'zod';
import { bytes, list } from '../scalars.ts';
import { socketOptionSchema } from './tcp.ts';

export const udpSchema = z.strictObject({
  kind: z.literal('udp'),
  family: z.union([z.literal(2), z.literal(10)]),
  local: bytes(28).optional(),
  remote: bytes(28).optional(),
  options: list(socketOptionSchema, 64),
});

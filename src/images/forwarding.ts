// Connections that stay with the address of the source (--keep-connections forward): what the target needs to make a network for them.
import * as z from 'zod';
import { exactBytes, list } from './scalars.ts';

export const forwardingSchema = z.strictObject({
  /** The source's own addresses: of IPv4 4 bytes, of IPv6 16. */
  hosts: list(z.union([exactBytes(4), exactBytes(16)]), 128),
  /** Bytes of the largest packet that leaves the source. */
  mtu: z.number().int().min(68).max(65_535),
});
export type Forwarding = z.output<typeof forwardingSchema>;

// Addresses that move along with a tree (--move-ip).
import * as z from 'zod';
import { bytes } from './scalars.ts';

const interfaceName = z.string().min(1).max(15);

export const movedAddressSchema = z.strictObject({
  /** As people write it. */
  text: z.string().max(64),
  /** AF_INET or AF_INET6. */
  family: z.union([z.literal(2), z.literal(10)]),
  /** 4 or 16 bytes. */
  address: bytes(16),
  /** Bits that its network has in common. */
  prefix: z.number().int().min(0).max(128),
  /** enum rt_scope_t of rtnetlink(7). */
  scope: z.number().int().min(0).max(255),
  broadcast: bytes(4).optional(),
  /** Interface that has it on the source. */
  device: interfaceName,
  /** Interface of the target that the operator wants it on; absent: one of the same name, or of its network. */
  wanted: interfaceName.optional(),
});
export type MovedAddress = z.output<typeof movedAddressSchema>;

// Addresses that move along with a tree (--move-ip).
import * as z from 'zod';
import { exactBytes } from './scalars.ts';

export const interfaceName = z.string().min(1).max(15);

const place = {
  /** enum rt_scope_t of rtnetlink(7). */
  scope: z.number().int().min(0).max(255),
  /** Interface that has it on the source. */
  device: interfaceName,
  /** Interface of the target that the operator wants it on; absent: one of the same name, or of its network. */
  wanted: interfaceName.optional(),
};

/** By AF_INET and AF_INET6. `prefix`: bits that its network has in common. */
export const movedAddressSchema = z.discriminatedUnion('family', [
  z.strictObject({
    family: z.literal(2),
    address: exactBytes(4),
    prefix: z.number().int().min(0).max(32),
    broadcast: exactBytes(4).optional(),
    ...place,
  }),
  z.strictObject({
    family: z.literal(10),
    address: exactBytes(16),
    prefix: z.number().int().min(0).max(128),
    broadcast: z.undefined().optional(),
    ...place,
  }),
]);
export type MovedAddress = z.output<typeof movedAddressSchema>;

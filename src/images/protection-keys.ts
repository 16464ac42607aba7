// Protection keys of an address space (pkeys(7)): which there are, and which mappings have one. What a thread may do by them (PKRU) is
// part of its extended state.
import * as z from 'zod';
import { list, pageAligned } from './scalars.ts';

/** A CPU has 16. */
export const keyCount = 16;
const key = z
  .number()
  .int()
  .min(0)
  .max(keyCount - 1);

export const protectionKeysSchema = z.strictObject({
  /** Bit n: key n was given by pkey_alloc(2), and not freed; key 0 is there from the start. */
  allocated: z
    .number()
    .int()
    .min(0)
    .max(2 ** keyCount - 1),
  /** The one by which the kernel makes memory with PROT_EXEC alone execute-only. It is not among the allocated ones. */
  executeOnly: key.optional(),
  /** Mappings with a key other than 0: also one that was freed meanwhile. */
  mappings: list(z.strictObject({ start: pageAligned, end: pageAligned, key })),
});
export type ProtectionKeys = z.infer<typeof protectionKeysSchema>;

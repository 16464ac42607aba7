// Who a thread is, and what it may do. Linux keeps all of it per thread.
import * as z from 'zod';
import { list, u32, u64 } from './scalars.ts';

export const credentialsSchema = z.strictObject({
  /** Real, effective, saved, file-system. */
  uid: z.tuple([u32, u32, u32, u32]),
  gid: z.tuple([u32, u32, u32, u32]),
  groups: list(u32, 65_536),
  inheritable: u64,
  permitted: u64,
  effective: u64,
  bounding: u64,
  ambient: u64,
  securebits: u32,
  noNewPrivs: z.boolean(),
});
export type Credentials = z.infer<typeof credentialsSchema>;

/** RLIM_INFINITY is 2^64-1. */
export const resourceLimitSchema = z.strictObject({
  resource: z.number().int().min(0).max(15),
  soft: u64,
  hard: u64,
});
export type ResourceLimit = z.infer<typeof resourceLimitSchema>;

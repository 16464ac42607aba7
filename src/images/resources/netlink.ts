// A netlink socket: its port, the groups that it hears, and to whom it is connected. netlink(7).
import * as z from 'zod';
import { list } from '../scalars.ts';
import { socketOptionSchema } from './tcp.ts';

const u32 = z.number().int().min(0).max(0xffff_ffff);

export const netlinkSchema = z.strictObject({
  kind: z.literal('netlink'),
  /** SOCK_DGRAM or SOCK_RAW. */
  type: z.union([z.literal(2), z.literal(3)]),
  /** NETLINK_ROUTE, NETLINK_SOCK_DIAG, NETLINK_KOBJECT_UEVENT, NETLINK_GENERIC. */
  protocol: z.union([z.literal(0), z.literal(4), z.literal(15), z.literal(16)]),
  /** nl_pid; absent: it has none yet. */
  port: u32.min(1).optional(),
  /** Numbers of multicast groups, from 1. */
  groups: list(u32.min(1), 4096),
  /** Connected to somebody but the kernel: nl_pid, and nl_groups as bits. */
  remote: z.strictObject({ port: u32, groups: u32 }).optional(),
  options: list(socketOptionSchema, 64),
});

// A network namespace that moves along with the tree that lives in it, as rtnetlink(7), nft(8) and /proc/sys tell it. Interfaces keep
// their indices: routes, sockets and programs name them by those.
import * as z from 'zod';
import { interfaceName } from './addresses.ts';
import { bytes, exactBytes, list, u32 } from './scalars.ts';

const attribute = z.tuple([z.number().int().min(1).max(0x3fff), bytes(16_384)]);

/** An object of rtnetlink: the fixed part of its message, and its attributes in ascending order of their types. */
function entry(headerLength: number): z.ZodObject<{
  header: ReturnType<typeof exactBytes>;
  attributes: z.ZodArray<typeof attribute>;
}> {
  return z.strictObject({ header: exactBytes(headerLength), attributes: list(attribute, 64) });
}
/** struct ifaddrmsg. */
const addressEntry = entry(8);
/** struct rtmsg, fib_rule_hdr, ndmsg. */
const routeEntry = entry(12);
export type NetworkEntry = z.output<typeof routeEntry>;

const common = {
  index: z.number().int().min(1).max(0x7fff_ffff),
  name: interfaceName,
  /** Link-layer address. */
  address: bytes(32),
  mtu: u32,
  /** Packets. */
  queueLength: u32,
  /** IFF_* that an administrator sets: up, noarp, promiscuous, allmulti, multicast. */
  flags: u32,
  group: u32,
  alias: z.string().max(255),
};

/** The other end of a veth(4), in the host's own network. */
const outerEndSchema = z.strictObject({
  name: interfaceName,
  address: bytes(32),
  mtu: u32,
  isUp: z.boolean(),
  /** The bridge of the target that it is put on. */
  bridge: interfaceName.optional(),
  /** What the host has on it, where it is on no bridge. */
  addresses: list(addressEntry, 1024),
  routes: list(routeEntry, 10_000),
});
export type OuterEnd = z.output<typeof outerEndSchema>;

export const networkLinkSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('loopback'), ...common }),
  z.strictObject({ kind: z.literal('dummy'), ...common }),
  z.strictObject({ kind: z.literal('veth'), ...common, outer: outerEndSchema }),
  /** Both ends are in here. */
  z.strictObject({ kind: z.literal('pair'), ...common, peer: z.number().int().min(1).max(0x7fff_ffff) }),
]);
export type NetworkLink = z.output<typeof networkLinkSchema>;

export const networkSchema = z.strictObject({
  /** As ip-netns(8) knows it. */
  name: z
    .string()
    .regex(/^[\w.@:-]{1,128}$/)
    .optional(),
  links: list(networkLinkSchema, 1024),
  addresses: list(addressEntry, 10_000),
  routes: list(routeEntry, 100_000),
  rules: list(routeEntry, 10_000),
  /** Permanent ones, and proxies. */
  neighbours: list(routeEntry, 100_000),
  /** As nft list ruleset(8) tells it. */
  ruleset: z.string().max(8 << 20),
  /** Names below /proc/sys/net, and what stands in them. */
  sysctls: list(z.tuple([z.string().min(1).max(256), z.string().max(4096)]), 100_000),
});
export type NetworkImage = z.output<typeof networkSchema>;

/** What of it may change while a tree runs: links stay, and settings are not looked at again. */
export const networkTablesSchema = networkSchema
  .pick({ addresses: true, routes: true, rules: true, neighbours: true })
  .extend({
    /** Absent: as before. */
    ruleset: networkSchema.shape.ruleset.optional(),
  });
export type NetworkTables = z.output<typeof networkTablesSchema>;

// Addresses, routes, rules and neighbours of the network namespace of this thread, as images: what an administrator, or a program, has
// set, without what the kernel adds when it tells of it. Two that are equal are the same object, on both hosts.
import type { NetworkEntry } from '../../images/network.ts';
import { attribute, attributes, dump, numberValue, type Message } from '../netlink-messages.ts';
import { afInet, afInet6 } from '../socket-options.ts';

/** One kind of them: messages of rtnetlink(7), attributes by number (linux/if_addr.h, rtnetlink.h, fib_rules.h, neighbour.h). */
export interface EntryKind {
  readonly add: number;
  readonly remove: number;
  readonly get: number;
  readonly headerLength: number;
  /** What may be set. */
  readonly settable: ReadonlySet<number>;
  /** undefined: it is not an administrator's. May change the fixed part. */
  readonly adjust: (header: Message, values: Map<number, Message>) => boolean;
}

const noDuplicateDetection = 2;
/** IFA_F_* that say how it is used; others tell of its state. */
const lastingAddressFlags = 0x80 | 0x100 | 0x200 | 0x400 | 0x10 | noDuplicateDetection;
const ifaFlags = 8;
const ifaCacheinfo = 6;
const forever = 0xffffffff;
const rtProtKernel = 2;
const rtmCloned = 0x200;
/** RTNH_F_ONLINK, RTNH_F_PERVASIVE. */
const lastingHopFlags = 4 | 2;
const rtaMultipath = 9;
const nudPermanent = 0x80;
const ntfProxy = 8;
const ruleInvert = 2;

export const addressKind: EntryKind = {
  add: 20,
  remove: 21,
  get: 22,
  headerLength: 8,
  settable: new Set([1, 2, 3, 4, ifaCacheinfo, ifaFlags, 9, 11]),
  adjust(header, values) {
    const flags = values.get(ifaFlags);
    const told = flags === undefined ? (header[2] ?? 0) : new DataView(flags.buffer).getUint32(0, true);
    values.set(ifaFlags, numberValue(told & lastingAddressFlags));
    header[2] = 0;
    const lifetimes = values.get(ifaCacheinfo);
    // Beside the lifetimes it tells when the address came and changed.
    if (lifetimes !== undefined) lifetimes.fill(0, 8);
    const isForever =
      lifetimes === undefined || new DataView(lifetimes.buffer).getUint32(4, true) === forever;
    if (isForever) values.delete(ifaCacheinfo);
    return true;
  },
};

export const routeKind: EntryKind = {
  add: 24,
  remove: 25,
  get: 26,
  headerLength: 12,
  settable: new Set([1, 2, 3, 4, 5, 6, 7, 8, rtaMultipath, 11, 15, 16, 18, 20, 21, 22, 30]),
  adjust(header, values) {
    const view = new DataView(header.buffer);
    const flags = view.getUint32(8, true);
    view.setUint32(8, flags & lastingHopFlags, true);
    const hops = values.get(rtaMultipath);
    if (hops !== undefined) clearHopFlags(hops);
    // Those of the kernel come with their addresses and links.
    return header[5] !== rtProtKernel && (flags & rtmCloned) === 0;
  },
};

export const ruleKind: EntryKind = {
  add: 32,
  remove: 33,
  get: 34,
  headerLength: 12,
  settable: new Set([1, 2, 3, 4, 6, 10, 11, 12, 13, 14, 15, 16, 17, 19, 20, 21, 22, 23, 24]),
  adjust(header, values) {
    const view = new DataView(header.buffer);
    view.setUint32(8, view.getUint32(8, true) & ruleInvert, true);
    // "Nothing suppressed": the kernel tells it of every rule.
    const suppressed = values.get(14);
    if (suppressed !== undefined && new DataView(suppressed.buffer).getUint32(0, true) === 0xffffffff)
      values.delete(14);
    return true;
  },
};

export const neighbourKind: EntryKind = {
  add: 28,
  remove: 29,
  get: 30,
  headerLength: 12,
  settable: new Set([1, 2, 12]),
  adjust(header) {
    const view = new DataView(header.buffer);
    const isPermanent = (view.getUint16(8, true) & nudPermanent) !== 0;
    const isProxy = (view.getUint8(10) & ntfProxy) !== 0;
    view.setUint16(8, isPermanent ? nudPermanent : 0, true);
    view.setUint8(10, isProxy ? ntfProxy : 0);
    view.setUint8(11, 0);
    return isPermanent || isProxy;
  },
};

/** All of a kind, of both families. @throws GodwitError SYSCALL */
export function readEntries(kind: EntryKind): NetworkEntry[] {
  const request = (family: number, flags = 0): Message => {
    const header = new Uint8Array(kind.headerLength);
    header[0] = family;
    if (flags !== 0) header[10] = flags;
    return header;
  };
  const requests = [request(afInet), request(afInet6)];
  // Proxies are told of only when they are asked for.
  if (kind === neighbourKind) requests.push(request(afInet, ntfProxy), request(afInet6, ntfProxy));
  return requests.flatMap((message) => dump(kind.get, message)).flatMap((told) => toEntry(kind, told) ?? []);
}

/** undefined: none that is to be set. */
export function toEntry(kind: EntryKind, message: Message): NetworkEntry | undefined {
  const header = message.slice(0, kind.headerLength);
  const values = new Map(
    [...attributes(message, kind.headerLength)].filter(([type]) => kind.settable.has(type)),
  );
  if (!kind.adjust(header, values)) return undefined;
  return { header, attributes: [...values].sort(([a], [b]) => a - b) };
}

/** The message that sets it; what an image has beyond `settable` is left out. */
export function messageOf(kind: EntryKind, { header, attributes: values }: NetworkEntry): Message {
  const settable = values.filter(([type]) => kind.settable.has(type));
  return new Uint8Array(Buffer.concat([header, ...settable.map(([type, value]) => attribute(type, value))]));
}

/** Of an address that was in use until now: nobody else has it, so that nobody need be asked (DAD). */
export function atOnce({ header, attributes: values }: NetworkEntry): NetworkEntry {
  const flags = values.find(([type]) => type === ifaFlags)?.[1];
  const told = flags?.length === 4 ? new DataView(flags.buffer, flags.byteOffset).getUint32(0, true) : 0;
  const others = values.filter(([type]) => type !== ifaFlags);
  return { header, attributes: [...others, [ifaFlags, numberValue(told | noDuplicateDetection)]] };
}

/** Those of `all` that are not among `others`. */
export function missingIn(all: readonly NetworkEntry[], others: readonly NetworkEntry[]): NetworkEntry[] {
  const there = new Set(others.map(keyOf));
  return all.filter((one) => !there.has(keyOf(one)));
}

function keyOf({ header, attributes: values }: NetworkEntry): string {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  return [hex(header), ...values.map(([type, value]) => `${type}:${hex(value)}`)].join(' ');
}

/** struct rtnexthop: length u16, flags u8, weight u8, interface u32, attributes. A hop whose link is down says so, and may not be set so. */
function clearHopFlags(hops: Message): void {
  const view = new DataView(hops.buffer, hops.byteOffset, hops.length);
  for (let at = 0; at + 8 <= hops.length;) {
    const length = view.getUint16(at, true);
    if (length < 8) return;
    view.setUint8(at + 2, view.getUint8(at + 2) & lastingHopFlags);
    at += (length + 3) & ~3;
  }
}

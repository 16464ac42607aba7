// Network interfaces as rtnetlink(7) tells them, in the network namespace of this thread or of a netlink socket.
//
//   struct ifinfomsg:  | family u8 | 0 u8 | type u16 | index i32 | flags u32 | change u32 |
import {
  attribute,
  attributes,
  dump,
  numberValue,
  order,
  orderFlags,
  question,
  type Message,
} from '../netlink-messages.ts';

const rtmNewlink = 16;
const rtmDellink = 17;
const rtmGetlink = 18;
const rtmSetlink = 19;
export const linkMessage = rtmSetlink;
const rtmGetnsid = 90;
const nsaNumber = 1;
const nsaPid = 2;
const linkHeader = 16;
const ifla = {
  address: 1, name: 3, mtu: 4, link: 5, master: 10, queueLength: 13, linkInfo: 18, alias: 20, group: 27, netnsFd: 28,
  extMask: 29, netnsId: 37,
} as const; // prettier-ignore
const infoKind = 1;
const infoData = 2;
const vethPeer = 1;
export const iff = {
  up: 1,
  loopback: 8,
  noarp: 0x80,
  promisc: 0x100,
  allmulti: 0x200,
  multicast: 0x1000,
} as const;
const settableFlags = iff.up | iff.noarp | iff.promisc | iff.allmulti | iff.multicast;
const skipStatistics = 8; // RTEXT_FILTER_SKIP_STATS

export interface Link {
  readonly index: number;
  readonly name: string;
  /** "veth", "bridge"...; undefined: hardware, or the loopback interface. */
  readonly kind: string | undefined;
  readonly isLoopback: boolean;
  readonly address: Message;
  readonly mtu: number;
  readonly queueLength: number;
  /** Those that are set from outside. */
  readonly flags: number;
  readonly group: number;
  readonly alias: string;
  /** Index of the bridge, bond... that it belongs to; 0: none. */
  readonly master: number;
  /** Index of the other end, or of the interface below; 0: none. */
  readonly link: number;
  /** The namespace that `link` is in, as this one numbers others; undefined: this one. */
  readonly linkNamespace: number | undefined;
}

/** @throws GodwitError SYSCALL */
export function readLinks(): Link[] {
  const request = new Uint8Array(
    Buffer.concat([new Uint8Array(linkHeader), attribute(ifla.extMask, numberValue(skipStatistics))]),
  );
  return dump(rtmGetlink, request).map((message) => {
    const view = new DataView(message.buffer);
    const values = attributes(message, linkHeader);
    const number = (type: number): number => {
      const value = values.get(type);
      return value === undefined || value.length < 4 ? 0 : new DataView(value.buffer).getUint32(0, true);
    };
    const info = values.get(ifla.linkInfo);
    const kind = info === undefined ? undefined : attributes(info, 0).get(infoKind);
    const flags = view.getUint32(8, true);
    return {
      index: view.getInt32(4, true),
      name: text(values.get(ifla.name)),
      kind: kind === undefined ? undefined : text(kind),
      isLoopback: (flags & iff.loopback) !== 0,
      address: values.get(ifla.address) ?? new Uint8Array(),
      mtu: number(ifla.mtu),
      queueLength: number(ifla.queueLength),
      flags: flags & settableFlags,
      group: number(ifla.group),
      alias: text(values.get(ifla.alias)),
      master: number(ifla.master),
      link: number(ifla.link),
      linkNamespace: values.has(ifla.netnsId) ? number(ifla.netnsId) : undefined,
    };
  });
}

function text(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? [])
    .toString('utf8')
    .replace(/\0.*$/s, '');
}

/** How the namespace of this thread numbers that of a process (RTM_GETNSID); undefined: it has had nothing to do with it. */
export function namespaceNumber(pid: number): number | undefined {
  const family = new Uint8Array(4);
  const answer = question(rtmGetnsid, Buffer.concat([family, attribute(nsaPid, numberValue(pid))]));
  if (typeof answer === 'number') return undefined;
  const number = attributes(answer, family.length).get(nsaNumber);
  const value = number === undefined ? -1 : new DataView(number.buffer).getInt32(0, true);
  return value < 0 ? undefined : value;
}

type Wanted = Pick<Link, 'index' | 'name' | 'address' | 'mtu' | 'queueLength' | 'group'>;

/** What is beyond the name is set on links that are made. */
export interface NewLink extends Wanted {
  readonly kind: 'veth' | 'dummy';
  /** Of a veth: its other end, and the namespace that is to have it; undefined: the same. */
  readonly peer?: Pick<Link, 'name' | 'address' | 'mtu'> & {
    readonly index?: number;
    readonly namespace?: number;
  };
}

/** A link, down. 0 or a negative errno: -EEXIST (its index or a name is taken), -EOPNOTSUPP (this kernel has none of the kind). */
export function makeLink(wanted: NewLink): number {
  const { peer } = wanted;
  const about = [attribute(infoKind, Buffer.from(wanted.kind))];
  if (peer !== undefined) {
    const end = Buffer.concat([
      header(peer.index ?? 0),
      nameAttribute(peer.name),
      ...addressAttribute(peer.address),
      attribute(ifla.mtu, numberValue(peer.mtu)),
      ...(peer.namespace === undefined ? [] : [attribute(ifla.netnsFd, numberValue(peer.namespace))]),
    ]);
    about.push(attribute(infoData, attribute(vethPeer, end)));
  }
  const message = Buffer.concat([
    header(wanted.index),
    nameAttribute(wanted.name),
    ...addressAttribute(wanted.address),
    attribute(ifla.mtu, numberValue(wanted.mtu)),
    attribute(ifla.queueLength, numberValue(wanted.queueLength)),
    attribute(ifla.group, numberValue(wanted.group)),
    attribute(ifla.linkInfo, Buffer.concat(about)),
  ]);
  return order(rtmNewlink, message, orderFlags.create | orderFlags.exclusive);
}

export function setLink(
  index: number,
  set: Partial<Pick<Link, 'mtu' | 'queueLength' | 'flags' | 'alias'>>,
): number {
  const message = Buffer.concat([
    header(index, set.flags ?? 0, set.flags === undefined ? 0 : settableFlags),
    ...(set.mtu === undefined ? [] : [attribute(ifla.mtu, numberValue(set.mtu))]),
    ...(set.queueLength === undefined ? [] : [attribute(ifla.queueLength, numberValue(set.queueLength))]),
    ...(set.alias === undefined ? [] : [attribute(ifla.alias, Buffer.from(set.alias))]),
  ]);
  return order(rtmSetlink, message);
}

export function removeLink(index: number): number {
  return order(rtmDellink, header(index));
}

/** Whether this kernel makes links of a kind. Preconditions: in a network where nobody minds (kernel/network-namespace.ts). */
export function tryKind(kind: NewLink['kind']): boolean {
  const common = { address: new Uint8Array(), mtu: 1500 };
  const end = { ...common, index: 100, name: 'try0', queueLength: 1000, group: 0 };
  return makeLink({ kind, ...end, ...(kind === 'veth' && { peer: { ...common, name: 'try1' } }) }) === 0;
}

/** RTM_SETLINK: puts it on a bridge (0: takes it off), and up or down. */
export function placeMessage(index: number, master: number | undefined, isUp: boolean): Message {
  const place = master === undefined ? [] : [attribute(ifla.master, numberValue(master))];
  return new Uint8Array(Buffer.concat([header(index, isUp ? iff.up : 0, iff.up), ...place]));
}

function header(index: number, flags = 0, change = 0): Message {
  const bytes = new Uint8Array(linkHeader);
  const view = new DataView(bytes.buffer);
  view.setInt32(4, index, true);
  view.setUint32(8, flags, true);
  view.setUint32(12, change, true);
  return bytes;
}

const nameAttribute = (name: string): Message => attribute(ifla.name, Buffer.from(`${name}\0`));

const addressAttribute = (address: Uint8Array): Message[] =>
  address.length === 0 ? [] : [attribute(ifla.address, address)];

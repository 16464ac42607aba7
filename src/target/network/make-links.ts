// The interfaces of a tree's network, in the namespace of this thread; the other ends of veth links in this host's own.
import { GodwitError } from '../../errors.ts';
import type { NetworkLink } from '../../images/network.ts';
import {
  linkMessage,
  makeLink,
  placeMessage,
  readLinks,
  removeLink,
  setLink,
  type NewLink,
} from '../../kernel/network/links.ts';
import { order } from '../../kernel/netlink-messages.ts';
import { errnoName } from '../../kernel/program.ts';

/** This host's own network: a descriptor of the namespace, and a netlink socket in it. */
export interface Home {
  readonly namespace: number;
  readonly netlink: number;
}

type Veth = Extract<NetworkLink, { kind: 'veth' }>;

/** The kernel finds a number: another interface of this host has the name. */
const anyName = 'veth%d';

/** All of them, down. @throws GodwitError REFUSED, SYSCALL */
export function makeLinks(links: readonly NetworkLink[], home: Home): void {
  for (const link of readLinks()) if (link.kind === 'veth' || link.kind === 'dummy') removeLink(link.index);
  const made = new Set<number>();
  for (const link of links) {
    if (link.kind === 'loopback' || made.has(link.index)) continue;
    expect(link.name, make(link, links, home));
    made.add(link.index);
    if (link.kind === 'pair') made.add(link.peer);
  }
  for (const { index, name, alias } of links) if (alias !== '') expect(name, setLink(index, { alias }));
}

/** Up, or whatever flags they have; the other ends of veth links up, but on no bridge yet. @throws GodwitError SYSCALL */
export function raiseLinks(links: readonly NetworkLink[], home: Home): void {
  for (const link of links) {
    if (link.kind === 'veth' && link.outer.isUp)
      expect(link.name, order(linkMessage, placeMessage(outerIndex(link), undefined, true), 0, home.netlink));
    const { index, name, flags, mtu, queueLength } = link;
    expect(name, setLink(index, link.kind === 'loopback' ? { flags, mtu, queueLength } : { flags }));
  }
}

/** Index of the other end, in this host's own network. */
export function outerIndex({ index }: Pick<Veth, 'index'>): number {
  return readLinks().find((link) => link.index === index)?.link ?? 0;
}

function make(
  link: Exclude<NetworkLink, { kind: 'loopback' }>,
  all: readonly NetworkLink[],
  home: Home,
): number {
  const { index, name, address, mtu, queueLength, group } = link;
  const common = { index, name, address, mtu, queueLength, group };
  if (link.kind === 'dummy') return makeLink({ kind: 'dummy', ...common });
  if (link.kind === 'pair') {
    const peer = all.find((other) => other.index === link.peer);
    return peer === undefined ? 0 : makeLink({ kind: 'veth', ...common, peer });
  }
  const { outer } = link;
  const wanted: NewLink = { kind: 'veth', ...common };
  const end = { address: outer.address, mtu: outer.mtu, namespace: home.namespace };
  const errno = makeLink({ ...wanted, peer: { ...end, name: outer.name } });
  return errnoName(errno) === 'EEXIST' ? makeLink({ ...wanted, peer: { ...end, name: anyName } }) : errno;
}

function expect(name: string, errno: number): void {
  if (errno === 0) return;
  throw new GodwitError(
    'REFUSED',
    `the network of the tree cannot be made here: interface ${name}: ${errnoName(errno)}`,
  );
}

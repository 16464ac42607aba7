// The network namespace of a tree as an image, and what of it cannot be one.
import { asGodwitError } from '../../errors.ts';
import type { NetworkImage, NetworkLink, OuterEnd } from '../../images/network.ts';
import type { Blocker } from '../../images/requirements.ts';
import {
  addressKind,
  neighbourKind,
  readEntries,
  routeKind,
  ruleKind,
} from '../../kernel/network/entries.ts';
import { iff, readLinks, type Link } from '../../kernel/network/links.ts';
import { nameOfNetwork } from '../../kernel/network/names.ts';
import { legacyTables, readRuleset } from '../../kernel/network/nftables.ts';
import { schedulers, transformations } from '../../kernel/network/others.ts';
import { readSysctls } from '../../kernel/network/sysctls.ts';
import { inNetworkOf } from '../../kernel/network-namespace.ts';
import { blocker } from '../blocker.ts';
import { HomeNetwork, type LinkRequest } from './outer-ends.ts';

const rtaNexthopId = 30;
/** Tunnels without ends that the kernel makes in every network namespace when their modules are loaded. */
const automatic = new Set([
  'ipip',
  'sit',
  'ip6tnl',
  'gre',
  'gretap',
  'erspan',
  'ip6gre',
  'ip6gretap',
  'vti',
  'vti6',
]);

export interface FoundNetwork {
  readonly image: NetworkImage;
  readonly blockers: readonly Blocker[];
}

/** `pid`: a process of the tree. Preconditions: this agent is in its own network, and may go to that one. @throws GodwitError SYSCALL */
export function findNetwork(pid: number, requests: readonly LinkRequest[]): FoundNetwork {
  const home = new HomeNetwork(pid);
  const found = inNetworkOf(pid, () => {
    const blockers: Blocker[] = [];
    const links = readLinks().filter((link) => !isAutomatic(link));
    for (const [object, reason, remedy] of obstacles(links)) blockers.push(blocker(object, reason, remedy));
    return { links, blockers, ruleset: readRules(blockers), ...readTables(), sysctls: readSysctls() };
  });
  const { links, blockers, ...tables } = found;
  const images = links.filter(isCarried).flatMap((link): NetworkLink[] => {
    const image = imageOf(link, links, home, requests);
    if (typeof image !== 'string') return [image];
    blockers.push(
      blocker(`network interface ${link.name}`, image, 'let its other end be in the network of this host'),
    );
    return [];
  });
  for (const { device } of requests)
    if (!images.some(({ name, kind }) => name === device && kind === 'veth'))
      blockers.push(
        blocker(
          `--link ${device}`,
          'the tree has no veth of this name',
          'ip -d link, in its network, lists those it has',
        ),
      );
  const name = nameOfNetwork(pid);
  return { image: { ...tables, links: images, ...(name === undefined ? {} : { name }) }, blockers };
}

/** What changes while a tree runs, and is read again when it stands. Preconditions: this agent is in that network. */
export function readTables(): Pick<NetworkImage, 'addresses' | 'routes' | 'rules' | 'neighbours'> {
  return {
    addresses: readEntries(addressKind),
    routes: readEntries(routeKind),
    rules: readEntries(ruleKind),
    neighbours: readEntries(neighbourKind),
  };
}

function readRules(blockers: Blocker[]): string {
  try {
    return readRuleset();
  } catch (error) {
    const { message, hint } = asGodwitError(error);
    blockers.push(
      blocker('packet filter of its network', message, hint ?? 'see nft list ruleset, in its network'),
    );
    return '';
  }
}

type Obstacle = readonly [object: string, reason: string, remedy: string];

function obstacles(links: readonly Link[]): Obstacle[] {
  const nameOf = (index: number): string => links.find((link) => link.index === index)?.name ?? String(index);
  const notCarried = 'this version carries loopback, veth and dummy interfaces';
  const routes = readEntries(routeKind);
  return [
    ...links
      .filter((link) => !isCarried(link))
      .map(({ name, kind }): Obstacle => [
        `network interface ${name}`,
        `it is of kind ${kind ?? 'hardware'}`,
        notCarried,
      ]),
    ...links
      .filter(({ master }) => master !== 0)
      .map(({ name }): Obstacle => [
        `network interface ${name}`,
        'it belongs to another one in its network',
        notCarried,
      ]),
    ...(routes.some(({ attributes }) => attributes.some(([type]) => type === rtaNexthopId))
      ? [['its routes', 'they use nexthop objects', 'write the gateways into the routes'] as const]
      : []),
    ...legacyTables().map((table): Obstacle => [
      `iptables table ${table}`,
      'it is of the old iptables',
      'use nft, or iptables-nft',
    ]),
    ...schedulers().map(({ interfaceIndex, kind }): Obstacle => [
      `network interface ${nameOf(interfaceIndex)}`,
      `it has the queueing discipline ${kind}, which this version does not carry`,
      'tc qdisc del, in its network',
    ]),
    ...(transformations() > 0
      ? [
          [
            'IPsec of its network',
            'its keys and counters are not carried',
            'let a daemon of the host do it',
          ] as const,
        ]
      : []),
  ];
}

/** Or why there is none. */
function imageOf(
  link: Link,
  all: readonly Link[],
  home: HomeNetwork,
  requests: readonly LinkRequest[],
): NetworkLink | string {
  const { index, name, address, mtu, queueLength, flags, group, alias } = link;
  const common = { index, name, address: new Uint8Array(address), mtu, queueLength, flags, group, alias };
  if (link.isLoopback) return { kind: 'loopback', ...common };
  if (link.kind === 'dummy') return { kind: 'dummy', ...common };
  const peer = link.linkNamespace === undefined && all.find((other) => other.index === link.link);
  if (peer) return { kind: 'pair', ...common, peer: peer.index };
  const found = home.outerOf(link);
  if (found === undefined)
    return 'its other end is in a network that is neither its own nor that of this agent';
  const master = home.masterOf(found);
  const wanted = requests.find(({ device }) => device === name)?.bridge;
  if (wanted === undefined && master !== undefined && master.kind !== 'bridge')
    return `its other end belongs to ${master.name}, which is no bridge (--link ${name}@BRIDGE puts it on one)`;
  const outer: OuterEnd = home.imageOf(found, wanted);
  return { kind: 'veth', ...common, outer };
}

const isCarried = ({ kind, isLoopback }: Link): boolean => isLoopback || kind === 'veth' || kind === 'dummy';

function isAutomatic({ kind, flags }: Link): boolean {
  return kind !== undefined && automatic.has(kind) && (flags & iff.up) === 0;
}

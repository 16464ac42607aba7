// UDP, and ICMP echo sockets, which are the same with an identifier for a port: unbound, bound, connected, with the multicast groups that
// they have joined and the datagrams that wait to be read.
import { interfaceOf } from '../../kernel/interface-options.ts';
import { pause } from '../../kernel/pause.ts';
import { ipprotoIcmp, ipprotoIcmpv6, pingPeer } from '../../kernel/ping.ts';
import { addressPort } from '../../kernel/socket-address.ts';
import { afInet, afInet6, sockDgram } from '../../kernel/socket-options.ts';
import type { SocketFacts } from '../../kernel/socket-facts.ts';
import { changedOptions } from '../../kernel/socket-values.ts';
import type { DriverContext, SourceDriver } from './driver.ts';
import { extendedFilter, filterOf, isRaw } from './raw.ts';
import { refuse } from './refuse.ts';
import type { OpenFileGroup } from './seen-file.ts';
import { readDatagrams, unsentBytes } from './udp-queue.ts';

const ipprotoUdp = 17;

export const udp: SourceDriver<'udp'> = {
  matches: (file, thief) => file.link.startsWith('socket:[') && isUdp(thief.socket(file)),
  survey: ({ first }, { thief }) => extendedFilter(first, thief),
  dump({ first }, { thief, memberships, locks }) {
    const facts = thief.socket(first);
    const problem = extendedFilter(first, thief);
    if (problem !== undefined) throw refuse(first, problem);
    const family = facts.domain === afInet6 ? afInet6 : afInet;
    const protocol = protocolOf(facts) ?? ipprotoUdp;
    const remote =
      facts.remote ?? (protocol === ipprotoUdp ? undefined : pingPeer(Number(first.stat.ino), family));
    const isUdp = protocol === ipprotoUdp;
    const fd = thief.fdOf(first);
    const filter = filterOf(fd, facts);
    const isTouched = locks !== undefined; // not while the tree runs
    if (isUdp && isTouched && isHeldBack(fd))
      throw refuse(first, {
        reason:
          'it holds a datagram back that is not complete (UDP_CORK, MSG_MORE), and the kernel shows it to nobody',
        remedy: 'try again when the program has sent it',
      });
    return {
      kind: 'udp',
      family,
      protocol,
      ...(addressPort(facts.local) === 0 ? {} : { local: facts.local }),
      ...(remote === undefined ? {} : { remote }),
      options: changedOptions(fd, facts),
      memberships: memberships().of(fd, facts.domain),
      ...(filter === undefined ? {} : { filter }),
      queue: isUdp && isTouched && thief.isReadable(first) ? readDatagrams(fd, family) : [],
    };
  },
};

/** What is on its way to the wire has left a moment later. */
function isHeldBack(fd: number): boolean {
  for (let waits = 0; waits < 10; waits++) {
    if (unsentBytes(fd) === 0) return false;
    pause(1);
  }
  return unsentBytes(fd) > 0;
}

/** Network interfaces that a UDP or raw socket names: the target must have them. */
export function namedInterfaces(
  { first }: OpenFileGroup,
  { thief, memberships }: Pick<DriverContext, 'thief' | 'memberships'>,
): string[] {
  const facts = thief.socket(first);
  if (!isUdp(facts) && !isRaw(facts)) return [];
  const fd = thief.fdOf(first);
  return [
    ...memberships()
      .of(fd, facts.domain)
      .map(({ device }) => device),
    ...changedOptions(fd, facts).flatMap((option) => interfaceOf(option) ?? []),
  ];
}

function isUdp(facts: SocketFacts): boolean {
  return protocolOf(facts) !== undefined;
}

function protocolOf({ domain, type, protocol }: SocketFacts): 17 | 1 | 58 | undefined {
  if ((domain !== afInet && domain !== afInet6) || type !== sockDgram) return undefined;
  if (protocol === ipprotoIcmp && domain === afInet) return ipprotoIcmp;
  if (protocol === ipprotoIcmpv6 && domain === afInet6) return ipprotoIcmpv6;
  return protocol === ipprotoUdp ? ipprotoUdp : undefined;
}

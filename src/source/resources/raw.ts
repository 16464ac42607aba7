// Raw sockets: protocol, address, peer, options, filter, multicast groups. What waits unread cannot be put back: whoever sent it again would
// send it to the kernel's own protocols too.
import { rawPeer } from '../../kernel/ping.ts';
import { isAnyAddress } from '../../kernel/socket-address.ts';
import { readFilter } from '../../kernel/socket-filter.ts';
import type { SocketFacts } from '../../kernel/socket-facts.ts';
import { afInet, afInet6, sockRaw } from '../../kernel/socket-options.ts';
import { changedOptions } from '../../kernel/socket-values.ts';
import type { Refusal, SourceDriver } from './driver.ts';
import { refuse } from './refuse.ts';
import type { SeenFile } from './seen-file.ts';
import type { Thief } from './thief.ts';

export const raw: SourceDriver<'raw'> = {
  matches: (file, thief) => file.link.startsWith('socket:[') && isRaw(thief.socket(file)),
  survey: ({ first }, { thief }) => extendedFilter(first, thief),
  dump({ first }, { thief, memberships, locks }) {
    const fd = thief.fdOf(first);
    const facts = thief.socket(first);
    const refusal = extendedFilter(first, thief);
    if (refusal !== undefined) throw refuse(first, refusal);
    const family = facts.domain === afInet6 ? afInet6 : afInet;
    const remote = facts.remote ?? rawPeer(Number(first.stat.ino), family);
    const filter = filterOf(fd, facts);
    return {
      kind: 'raw',
      family,
      protocol: facts.protocol,
      ...(isAnyAddress(facts.local) ? {} : { local: facts.local }),
      ...(remote === undefined ? {} : { remote }),
      options: changedOptions(fd, facts),
      memberships: memberships().of(fd, facts.domain),
      ...(filter === undefined ? {} : { filter }),
      unread: locks !== undefined && thief.isReadable(first),
    };
  },
};

/** One of eBPF. */
export function extendedFilter(file: SeenFile, thief: Thief): Refusal | undefined {
  if (!thief.socket(file).filtered || readFilter(thief.fdOf(file)) !== 'extended') return undefined;
  return {
    reason: 'it has a socket filter of eBPF (SO_ATTACH_BPF), which the kernel hands to nobody',
    remedy: 'let the program detach it',
  };
}

/** Preconditions: none of eBPF. */
export function filterOf(
  fd: number,
  { filtered }: SocketFacts,
): Exclude<ReturnType<typeof readFilter>, 'extended'> {
  const filter = filtered ? readFilter(fd) : undefined;
  return filter === 'extended' ? undefined : filter;
}

export function isRaw({ domain, type }: SocketFacts): boolean {
  return (domain === afInet || domain === afInet6) && type === sockRaw;
}

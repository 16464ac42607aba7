// UDP and ICMP echo sockets: options, multicast groups, address, peer.
import { asGodwitError, GodwitError } from '../../errors.ts';
import type { ResourceImage } from '../../images/resources/registry.ts';
import { may } from '../../kernel/rights.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { joinGroup, membershipText, type Membership } from '../../kernel/memberships.ts';
import { errnoName, isError, Program } from '../../kernel/program.ts';
import { addressText, anyHost } from '../../kernel/socket-address.ts';
import { openSocket, socketFacts } from '../../kernel/socket-facts.ts';
import { attachFilter } from '../../kernel/socket-filter.ts';
import { setOptions } from '../../kernel/socket-values.ts';
import { sockDgram } from '../../kernel/socket-options.ts';
import { bindSocket, whereItGoes } from './bind-socket.ts';
import type { OpenContext, TargetDriver } from './driver.ts';
import { packetsFor } from './udp-queue.ts';

const ipprotoUdp = 17;

export const udp: TargetDriver<'udp'> = {
  open({ family, protocol, local, remote, options, memberships, queue, filter }, _file, context) {
    const fd = protocol === ipprotoUdp ? openSocket(family, sockDgram, protocol) : openPing(family, protocol);
    const name =
      `${protocol === ipprotoUdp ? 'UDP' : 'ICMP echo'} socket ${local === undefined ? '' : addressText(local)}`.trim();
    if (filter !== undefined) attachFilter(fd, filter, name);
    setOptions(fd, options, name);
    joinAll(fd, memberships, name);
    bindAndConnect(fd, { local, remote }, name, context.speaker);
    if (queue.length > 0) bringAll(fd, queue, name, context);
    return fd;
  },
};

/** Multicast groups. @throws GodwitError REFUSED */
export function joinAll(fd: number, memberships: readonly Membership[], name: string): void {
  for (const membership of memberships) join(fd, membership, name);
}

/** @throws GodwitError REFUSED */
export function bindAndConnect(
  fd: number,
  { local, remote }: Pick<ResourceImage<'udp'>, 'local' | 'remote'>,
  name: string,
  speaker: OpenContext['speaker'],
): void {
  whereItGoes(fd, local, speaker, () => {
    if (local !== undefined) {
      const result = bindSocket(fd, local);
      // A connected socket got its address from the route to its peer: here it may be another one.
      const isElsewhere = errnoName(result) === 'EADDRNOTAVAIL' && remote !== undefined;
      const final = isElsewhere ? bindSocket(fd, anyHost(local)) : result;
      if (final < 0)
        throw new GodwitError('REFUSED', `${name} cannot be bound on the target: ${errnoName(final)}`);
    }
    if (remote !== undefined) connectTo(fd, remote, name);
  });
}

/** What waited on the source, in the place of the network. */
function bringAll(
  fd: number,
  queue: ResourceImage<'udp'>['queue'],
  name: string,
  { speaker, warn }: Pick<OpenContext, 'speaker' | 'warn'>,
): void {
  // Raw sockets take CAP_NET_RAW where this one takes CAP_NET_ADMIN: in the user namespace that the network belongs to.
  if (may('tcp-repair')) speaker.segments(packetsFor(queue, socketFacts(fd).local, speaker.moving));
  else warn(`${name}: ${queue.length} datagrams that waited to be read are lost, for want of CAP_NET_RAW`);
}

function openPing(family: number, protocol: number): number {
  try {
    return openSocket(family, sockDgram, protocol);
  } catch (error) {
    throw new GodwitError(
      'REFUSED',
      `this host lets nobody have ICMP echo sockets: ${asGodwitError(error).message}`,
      {
        hint: 'let net.ipv4.ping_group_range of the target include the group of its agent',
        cause: error,
      },
    );
  }
}

function join(fd: number, membership: Membership, name: string): void {
  const problem = joinGroup(fd, membership);
  if (problem === undefined) return;
  throw new GodwitError('REFUSED', `${name} cannot join ${membershipText(membership)}: ${problem}`, {
    hint: hints[problem] ?? 'let the network interface have the same name on both hosts',
  });
}

const hints: Readonly<Record<string, string>> = {
  ENOBUFS:
    'raise the limits of the target: net.ipv4.igmp_max_memberships, net.ipv4.igmp_max_msf, net.ipv6.mld_max_msf, net.core.optmem_max',
};

function connectTo(fd: number, remote: Uint8Array, name: string): void {
  const program = new Program();
  const result = program.attempt('connect', fd, program.bytes(remote), remote.length);
  const got = runLocal(program).result(result);
  if (!isError(got)) return;
  throw new GodwitError(
    'REFUSED',
    `${name} cannot be connected to ${addressText(remote)}: ${errnoName(got)}`,
  );
}

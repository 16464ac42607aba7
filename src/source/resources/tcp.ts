// TCP: listening sockets with their options and backlog, sockets that are not connected yet, and connections of which the tree has both
// ends, or whose address moves along (tcp-connections.ts); others are refused by name, or dropped by --tcp-close. MPTCP (protocol 262) listeners are made as what they are.
import { hasListenerFilter } from '../../kernel/listener-filter.ts';
import { isSocketElsewhere } from '../../kernel/network-namespace.ts';
import { may } from '../../kernel/rights.ts';
import { endpointText } from '../../kernel/proc/inet-address.ts';
import {
  addressPort,
  addressText,
  endpointKey,
  hostText,
  isLoopback,
  plainHost,
} from '../../kernel/socket-address.ts';
import { afInet, afInet6 } from '../../kernel/socket-options.ts';
import { socketFacts, upperProtocol, waitingBytes, type SocketFacts } from '../../kernel/socket-facts.ts';
import { changedOptions } from '../../kernel/socket-values.ts';
import { tcpSockets } from '../../kernel/sockets.ts';
import { urgentNeedsPeek } from '../../kernel/read-connection.ts';
import { isEnded } from '../../kernel/tcp-repair.ts';
import { native } from '../../native.ts';
import type { DumpContext, DriverContext, Refusal, SourceDriver } from './driver.ts';
import { refuse } from './refuse.ts';
import type { OpenFileGroup, SeenFile } from './seen-file.ts';
import { ipprotoMptcp, isConnection, isTcp, tcpSynReceived, tcpSynSent } from './tcp-facts.ts';

export const tcp: SourceDriver<'tcp'> = {
  matches: (file, thief) => file.link.startsWith('socket:[') && isTcp(thief.socket(file)),

  survey: (group, context) => refusal(group, context),

  dump(group, context) {
    const file = group.first;
    const facts = context.thief.socket(file);
    if (facts.listening && context.locks !== undefined) context.connections().lockListeners(context.locks);
    const isFrozen = context.locks !== undefined;
    const problem = refusal(group, context, isFrozen) ?? pendingRefusal(file, facts, context);
    if (problem !== undefined) throw refuse(file, problem);
    const base = {
      kind: 'tcp',
      family: facts.domain === afInet6 ? afInet6 : afInet,
      protocol: facts.protocol,
    } as const;
    const { local } = facts;
    if (isConnection(facts)) {
      if (context.options.tcpClose || context.locks === undefined)
        return { ...base, state: 'dropped', backlog: 0, options: [] };
      const { connection, options } = context.connections().dump(group, context.locks);
      return { ...base, state: 'connected', local, backlog: 0, options: [...options], connection };
    }
    const options = changedOptions(context.thief.fdOf(file), facts);
    if (facts.listening) {
      return { ...base, state: 'listening', local, backlog: facts.tcp?.backlog ?? 0, options };
    }
    if (addressPort(local) === 0) return { ...base, state: 'unbound', backlog: 0, options };
    return { ...base, state: 'bound', local, backlog: 0, options };
  },
};

/** `isFrozen`: what reading the connection tells is not asked for before. */
function refusal(group: OpenFileGroup, context: DriverContext, isFrozen = false): Refusal | undefined {
  const facts = context.thief.socket(group.first);
  const isFiltered = facts.filtered && !hasListenerFilter(context.thief.fdOf(group.first));
  const filter = isFiltered
    ? { reason: 'it has a socket filter (SO_ATTACH_FILTER)', remedy: 'let the program detach it' }
    : undefined;
  if (!isConnection(facts)) return filter ?? unreadRefusal(group.first, facts, context);
  if (context.options.tcpClose) return undefined;
  const obstacle = obstacleTo(group.first, facts, context, isFrozen);
  if (obstacle === undefined) return filter;
  return {
    reason: `the TCP connection ${nameOf(facts)} cannot be carried by this version: ${obstacle}`,
    remedy: `${remedyFor(obstacle, facts)}, or give --tcp-close: connections are then dropped, and clients connect again`,
  };
}

const needsRight = 'that needs CAP_NET_ADMIN';
const isElsewhere = 'its other end is not in the tree';

/** mptcp_supported_sockopt (net/mptcp/sockopt.c, 6.18): ENOPROTOOPT, also for one that fell back to TCP, whose numbers nothing else tells. */
const isMultipath = 'it is one of MPTCP, whose sockets the kernel does not let repair (TCP_REPAIR)';

/** Where --keep-connections forward has brought it (target/forwarding/). */
const isForwarded = 'it is in another network namespace: another host forwards it to this one';

function remedyFor(obstacle: string, { local, remote }: SocketFacts): string {
  if (obstacle === needsRight) return 'run migrate as root';
  if (obstacle === isForwarded) return 'wait for its end (godwit status names it)';
  const canMove = obstacle === isElsewhere && !isLoopback(local) && remote !== undefined;
  return canMove
    ? `give --move-ip ${hostText(local)}, if that address is to move along, or --keep-connections forward`
    : 'close it';
}

function nameOf({ local, remote }: SocketFacts): string {
  return `${addressText(local)} <- ${remote === undefined ? 'nobody' : addressText(remote)}`;
}

function obstacleTo(
  file: SeenFile,
  facts: SocketFacts,
  context: DriverContext,
  isFrozen: boolean,
): string | undefined {
  const { thief } = context;
  const state = facts.tcp?.state ?? 0;
  if (facts.protocol === ipprotoMptcp) return isMultipath;
  if (state === tcpSynSent || state === tcpSynReceived) return 'it is being set up';
  const peer = context.connections().peerOf(facts);
  if (peer?.first === file) return 'it is connected to itself';
  const isKnown = peer !== undefined || context.connections().isWithOthers(facts);
  if (!isKnown && !(isEnded(state) && isForsaken(facts)))
    return isSocketElsewhere(thief.fdOf(file)) ? isForwarded : isElsewhere;
  const holder = context.outside().get(file.link);
  if (holder !== undefined) return `${holder}, outside the tree, holds it too`;
  const upper = isFrozen ? '' : upperProtocol(thief.fdOf(file));
  if (upper !== '') return `${upper} works in it (TCP_ULP)`;
  if (!isFrozen && thief.isUrgent(file) && native.probe('tcp-peek-off') < 0) return urgentNeedsPeek;
  return may('tcp-repair') ? undefined : needsRight;
}

/** Both ends have said their last word, or it was reset: what has not been read is still to be had here, and would not be there. */
function unreadRefusal(
  file: SeenFile,
  { listening }: SocketFacts,
  context: DriverContext,
): Refusal | undefined {
  if (listening || context.options.tcpClose) return undefined;
  const bytes = waitingBytes(context.thief.fdOf(file));
  if (bytes <= 0) return undefined;
  return {
    reason: `a TCP connection that has ended holds ${bytes} unread bytes`,
    remedy: 'let the program read them',
  };
}

/** Nobody has the other end any more. Only of loopback addresses it is known that it would be on this host. */
function isForsaken({ local, remote }: SocketFacts): boolean {
  if (remote === undefined || !isLoopback(remote)) return false;
  const [here, there] = [endpointKey(local), endpointKey(remote)];
  return ![...tcpSockets().values()].some(
    ({ localAddress, localPort, remoteAddress, remotePort }) =>
      endpointText(plainHost(localAddress), localPort) === there &&
      endpointText(plainHost(remoteAddress), remotePort) === here,
  );
}

/** Since it was locked none is added. */
function pendingRefusal(
  file: SeenFile,
  facts: SocketFacts,
  { options, thief }: DumpContext,
): Refusal | undefined {
  const pending = facts.listening ? (socketFacts(thief.fdOf(file)).tcp?.pending ?? 0) : 0;
  if (pending === 0 || options.skipInFlight) return undefined;
  return {
    reason: `${pending} connections to ${addressText(facts.local)} wait to be accepted`,
    remedy: 'try again, or give --skip-in-flight: they are then dropped, and these clients connect again',
  };
}

/** Listening addresses, for the check on the target. */
export function listeningAddress(
  group: OpenFileGroup,
  { thief }: Pick<DriverContext, 'thief'>,
): Uint8Array<ArrayBuffer> | undefined {
  const facts = thief.socket(group.first);
  return facts.listening && isTcp(facts) ? facts.local : undefined;
}

/** The address of a connection, with any port: the target must have it. */
export function connectionAddress(facts: SocketFacts): Uint8Array<ArrayBuffer> | undefined {
  if (!isTcp(facts) || !isConnection(facts)) return undefined;
  const address = facts.local.slice();
  address.fill(0, 2, 4);
  return address;
}

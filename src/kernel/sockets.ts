// The sockets of a network namespace, by inode, as /proc/PID/fd shows it: asked from the kernel by netlink.
import { GodwitError } from '../errors.ts';
import type { InetDiagSocket, UnixDiagSocket } from '../native-diag.ts';
import { native } from '../native.ts';
import { addressText, endpointText } from './proc/inet-address.ts';
import { tcpStates, type TcpState } from './proc/net-tcp.ts';
import { errnoName } from './program.ts';

const protocolTcp = 6;
const protocolUdp = 17;

export interface UnixSocketInfo extends Omit<UnixDiagSocket, 'state'> {
  readonly state: 'connected' | 'listening' | 'unconnected';
}

export interface InetSocketInfo extends Omit<InetDiagSocket, 'state' | 'local' | 'remote'> {
  /** Of UDP: 'established' (connected) or 'close'. */
  readonly state: TcpState;
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** "127.0.0.1:80", "[::1]:80". */
  readonly local: string;
  readonly remote: string;
}

/** Unix sockets of the namespace of `netnsPid`, or of the agent's own. */
export function unixSockets(netnsPid?: number): Map<number, UnixSocketInfo> {
  const found = expectList(native.unixDiag(netnsPid), 'unix', netnsPid);
  return new Map(found.map((socket) => [socket.inode, { ...socket, state: unixState(socket.state) }]));
}

function unixState(state: number): UnixSocketInfo['state'] {
  const name = tcpStates[state];
  if (name === 'listen') return 'listening';
  return name === 'established' ? 'connected' : 'unconnected';
}

/** TCP sockets, also those that no descriptor refers to: they have inode 0. */
export function allTcpSockets(): InetSocketInfo[] {
  return inetSockets(protocolTcp, 'TCP', undefined);
}

/** TCP sockets that a descriptor refers to. */
export function tcpSockets(netnsPid?: number): Map<number, InetSocketInfo> {
  return byInode(inetSockets(protocolTcp, 'TCP', netnsPid));
}

/** TCP listeners; `wqueue` is the backlog, `rqueue` how many connections wait in it. */
export function inetListeners(netnsPid?: number): InetSocketInfo[] {
  return inetSockets(protocolTcp, 'TCP', netnsPid).filter((socket) => socket.state === 'listen');
}

/** UDP sockets, bound or connected. */
export function udpSockets(netnsPid?: number): Map<number, InetSocketInfo> {
  return byInode(inetSockets(protocolUdp, 'UDP', netnsPid));
}

function byInode(sockets: readonly InetSocketInfo[]): Map<number, InetSocketInfo> {
  return new Map(sockets.filter((socket) => socket.inode !== 0).map((socket) => [socket.inode, socket]));
}

function inetSockets(protocol: 6 | 17, name: string, netnsPid: number | undefined): InetSocketInfo[] {
  return expectList(native.inetDiag(protocol, netnsPid), name, netnsPid).map((socket) => {
    const localAddress = addressText(socket.local);
    const remoteAddress = addressText(socket.remote);
    return {
      ...socket,
      state: tcpStates[socket.state] ?? 'unknown',
      localAddress,
      remoteAddress,
      local: endpointText(localAddress, socket.localPort),
      remote: endpointText(remoteAddress, socket.remotePort),
    };
  });
}

function expectList<T>(found: T[] | number, what: string, netnsPid: number | undefined): T[] {
  if (typeof found !== 'number') return found;
  const whose = netnsPid === undefined ? 'the agent' : `process ${netnsPid}`;
  const name = errnoName(found);
  throw new GodwitError(
    name === 'EPERM' || name === 'EACCES' ? 'NO_RIGHTS' : 'SYSCALL',
    `cannot list the ${what} sockets of ${whose}: ${name}`,
    {
      hint: 'another network namespace needs CAP_SYS_ADMIN; the kernel needs unix_diag, tcp_diag and udp_diag',
    },
  );
}

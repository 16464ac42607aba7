// Datagrams that waited in UDP sockets on the source: brought by the keeper when the tree runs, as if they came from whom they came from.
import type { ResourceImage } from '../../images/resources/registry.ts';
import { closeLocal, openSocket } from '../../kernel/socket-facts.ts';
import { afInet, afInet6, sockDgram } from '../../kernel/socket-options.ts';
import { addressPort, hostText, isAnyAddress } from '../../kernel/socket-address.ts';
import { makeDatagram } from '../../kernel/udp-packet.ts';
import { bindSocket } from './bind-socket.ts';

type Datagram = ResourceImage<'udp'>['queue'][number];

/**
 * As packets. `local`: what the socket is bound to here, of whatever address; undefined: to nothing, then it gets nothing. `moving`:
 * addresses that come along. A datagram that was sent to an address which stays behind, or to many, comes to this host's loopback address.
 */
export function packetsFor(
  queue: readonly Datagram[],
  local: Uint8Array,
  moving: ReadonlySet<string>,
): Uint8Array[] {
  if (addressPort(local) === 0) return [];
  return queue.map(({ from, to, data }) => {
    const own = sockaddr(to, local);
    const target = isAnyAddress(local) ? (isHere(own, moving) ? own : loopback(own)) : local;
    return makeDatagram({ from, to: target, data });
  });
}

function sockaddr(host: Uint8Array, { 2: high = 0, 3: low = 0 }: Uint8Array): Uint8Array<ArrayBuffer> {
  const isV4 = host.length === 4;
  const address = new Uint8Array(isV4 ? 16 : 28);
  address.set([isV4 ? afInet : afInet6, 0, high, low]);
  address.set(host, isV4 ? 4 : 8);
  return address;
}

/** bind(2) takes nothing else, but for addresses of many, which no datagram of one socket can be brought to. */
function isHere(address: Uint8Array, moving: ReadonlySet<string>): boolean {
  const host = hostText(address);
  if (moving.has(host)) return true;
  if (host === '255.255.255.255' || /^(22[4-9]|23\d)\./.test(host) || host.startsWith('ff')) return false;
  const family = address[0] === afInet ? afInet : afInet6;
  const fd = openSocket(family, sockDgram, 0);
  try {
    const copy = new Uint8Array(address);
    copy.fill(0, 2, 4);
    return bindSocket(fd, copy) >= 0;
  } finally {
    closeLocal(fd);
  }
}

function loopback(address: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const host = hostText(address).includes('.') ? [127, 0, 0, 1] : [...Array<number>(15).fill(0), 1];
  return sockaddr(Uint8Array.from(host), address);
}

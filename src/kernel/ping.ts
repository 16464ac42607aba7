// ICMP echo sockets (icmp(7)), whose "port" is the identifier of the questions, and raw sockets: whom they are connected to.
import { readFileSync } from 'node:fs';
import { parseHexAddress } from './proc/inet-address.ts';
import { afInet } from './socket-options.ts';

export const ipprotoIcmp = 1;
export const ipprotoIcmpv6 = 58;

/**
 * struct sockaddr of whom such a socket is connected to; undefined: to nobody. By /proc/net/icmp, for getpeername(2) tells of nobody
 * whose port is 0, and peers of ICMP have none.
 */
export function pingPeer(inode: number, family: number): Uint8Array<ArrayBuffer> | undefined {
  return peerIn(family === afInet ? 'icmp' : 'icmp6', inode, family);
}

/** The same of a raw socket. */
export function rawPeer(inode: number, family: number): Uint8Array<ArrayBuffer> | undefined {
  return peerIn(family === afInet ? 'raw' : 'raw6', inode, family);
}

function peerIn(table: string, inode: number, family: number): Uint8Array<ArrayBuffer> | undefined {
  const line = readFileSync(`/proc/self/net/${table}`, 'utf8')
    .split('\n')
    .map((text) => text.trim().split(/\s+/))
    .find((fields) => fields[9] === String(inode));
  // sl local rem st tx:rx tr:when retrnsmt uid timeout inode
  const [host = '', port = ''] = line?.[2]?.split(':') ?? [];
  const bytes = parseHexAddress(host);
  if (bytes.every((byte) => byte === 0)) return undefined;
  const sockaddr = new Uint8Array(family === afInet ? 16 : 28);
  const view = new DataView(sockaddr.buffer);
  view.setUint16(0, family, true);
  view.setUint16(2, Number.parseInt(port, 16));
  sockaddr.set(bytes, family === afInet ? 4 : 8);
  return sockaddr;
}

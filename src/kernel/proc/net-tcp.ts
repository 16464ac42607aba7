// /proc/PID/net/tcp and tcp6: the TCP sockets of a process's network namespace. Slow on hosts with many connections
// (sockets.ts asks netlink instead); kept as the way that needs no rights and no netlink.
import { addressText, endpointText, parseHexAddress } from './inet-address.ts';
import { readProcText } from './read-proc.ts';

/** By the number of include/net/tcp_states.h. */
export const tcpStates = [
  'unknown',
  'established',
  'syn-sent',
  'syn-recv',
  'fin-wait-1',
  'fin-wait-2',
  'time-wait',
  'close',
  'close-wait',
  'last-ack',
  'listen',
  'closing',
  'new-syn-recv',
  'bound-inactive',
] as const;
export type TcpState = (typeof tcpStates)[number];

export interface TcpEntry {
  readonly family: 4 | 6;
  /** 0 for what no descriptor refers to any more. */
  readonly inode: number;
  readonly state: TcpState;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** "127.0.0.1:80", "[::1]:80". */
  readonly local: string;
  readonly remote: string;
  /** Bytes not acknowledged, bytes not read; of a listener: connections not accepted. */
  readonly txQueue: number;
  readonly rxQueue: number;
  readonly uid: number;
}

export function parseNetTcp(text: string): TcpEntry[] {
  return text
    .split('\n')
    .slice(1)
    .filter((line) => line !== '')
    .map(parseLine);
}

/** "0: 0100007F:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 609 1 ..." */
function parseLine(line: string): TcpEntry {
  const [, local = '', remote = '', state = '0', queues = '', , , uid, , inode] = line.trim().split(/\s+/);
  const from = endpoint(local);
  const to = endpoint(remote);
  const [tx = '0', rx = '0'] = queues.split(':');
  return {
    family: local.length > 13 ? 6 : 4,
    inode: Number(inode),
    state: tcpStates[Number.parseInt(state, 16)] ?? 'unknown',
    localAddress: from.address,
    localPort: from.port,
    remoteAddress: to.address,
    remotePort: to.port,
    local: endpointText(from.address, from.port),
    remote: endpointText(to.address, to.port),
    txQueue: Number.parseInt(tx, 16),
    rxQueue: Number.parseInt(rx, 16),
    uid: Number(uid),
  };
}

function endpoint(text: string): { address: string; port: number } {
  const colon = text.indexOf(':');
  return {
    address: addressText(parseHexAddress(text.slice(0, colon))),
    port: Number.parseInt(text.slice(colon + 1), 16),
  };
}

/** IPv4 and IPv6; undefined when the process is gone. */
export function readNetTcp(pid: number | 'self'): TcpEntry[] | undefined {
  const v4 = readProcText(pid, 'net/tcp');
  if (v4 === undefined) return undefined;
  return [...parseNetTcp(v4), ...parseNetTcp(readV6(pid))];
}

/** A kernel or a boot without IPv6 has no such file. */
function readV6(pid: number | 'self'): string {
  try {
    return readProcText(pid, 'net/tcp6') ?? '';
  } catch {
    return '';
  }
}

// The socket options that survive a migration, with their names: what getsockopt(2) tells and setsockopt(2) takes back.
// Only what differs from a fresh socket of the same kind travels. Numbers: asm-generic/socket.h, linux/{in,in6,tcp,udp,netlink}.h.

export const solSocket = 1;
export const solIp = 0;
export const solTcp = 6;
export const solUdp = 17;
export const solIpv6 = 41;
export const solIcmpv6 = 58;
export const solRaw = 255;
export const solNetlink = 270;

export interface OptionRule {
  readonly level: number;
  readonly option: number;
  readonly label: string;
  /** Bytes of its value. */
  readonly length: number;
}

export interface OptionValue {
  readonly level: number;
  readonly name: number;
  readonly value: Uint8Array<ArrayBuffer>;
}

type Row = readonly [label: string, option: number, length?: number];

function rules(level: number, prefix: string, rows: readonly Row[]): OptionRule[] {
  return rows.map(([label, option, length = 4]) => ({ level, option, label: `${prefix}${label}`, length }));
}

export const soSndbuf = 7;
export const soRcvbuf = 8;
/** The same beyond net.core.wmem_max and rmem_max (CAP_NET_ADMIN). */
export const soSndbufForce = 32;
export const soRcvbufForce = 33;

const common = rules(solSocket, 'SO_', [
  ['SNDBUF', soSndbuf], ['RCVBUF', soRcvbuf], ['LINGER', 13, 8], ['RCVLOWAT', 18], ['RCVTIMEO', 20, 16],
  ['SNDTIMEO', 21, 16], ['PEEK_OFF', 42], ['TIMESTAMP', 29], ['TIMESTAMPNS', 35],
]); // prettier-ignore

const inet = rules(solSocket, 'SO_', [
  ['REUSEADDR', 2], ['DONTROUTE', 5], ['BROADCAST', 6], ['KEEPALIVE', 9], ['OOBINLINE', 10], ['NO_CHECK', 11],
  ['PRIORITY', 12], ['REUSEPORT', 15], ['BINDTODEVICE', 25, 16], ['MARK', 36], ['RXQ_OVFL', 40], ['BUSY_POLL', 46],
  ['MAX_PACING_RATE', 47, 8], ['ZEROCOPY', 60], ['PREFER_BUSY_POLL', 69],
]); // prettier-ignore

const ip = rules(solIp, 'IP_', [
  ['TOS', 1], ['TTL', 2], ['RECVOPTS', 6], ['RETOPTS', 7], ['PKTINFO', 8], ['MTU_DISCOVER', 10], ['RECVERR', 11],
  ['RECVTTL', 12], ['RECVTOS', 13], ['FREEBIND', 15], ['TRANSPARENT', 19], ['RECVORIGDSTADDR', 20], ['MINTTL', 21],
  ['CHECKSUM', 23], ['BIND_ADDRESS_NO_PORT', 24], ['MULTICAST_IF', 32], ['MULTICAST_TTL', 33], ['MULTICAST_LOOP', 34],
  ['MULTICAST_ALL', 49],
]); // prettier-ignore

const ipv6 = rules(solIpv6, 'IPV6_', [
  ['UNICAST_HOPS', 16], ['MULTICAST_IF', 17], ['MULTICAST_HOPS', 18], ['MULTICAST_LOOP', 19], ['MTU_DISCOVER', 23],
  ['RECVERR', 25], ['V6ONLY', 26], ['MULTICAST_ALL', 29], ['RECVPKTINFO', 49], ['RECVHOPLIMIT', 51], ['DONTFRAG', 62], ['RECVTCLASS', 66],
  ['TCLASS', 67], ['AUTOFLOWLABEL', 70], ['MINHOPCOUNT', 73], ['TRANSPARENT', 75], ['FREEBIND', 78],
]); // prettier-ignore

const tcp = rules(solTcp, 'TCP_', [
  ['NODELAY', 1], ['MAXSEG', 2], ['CORK', 3], ['KEEPIDLE', 4], ['KEEPINTVL', 5], ['KEEPCNT', 6], ['SYNCNT', 7],
  ['LINGER2', 8], ['DEFER_ACCEPT', 9], ['WINDOW_CLAMP', 10], ['CONGESTION', 13, 16], ['USER_TIMEOUT', 18],
  ['FASTOPEN', 23], ['NOTSENT_LOWAT', 25], ['SAVE_SYN', 27], ['INQ', 36],
]); // prettier-ignore

const udp = rules(solUdp, 'UDP_', [['CORK', 1], ['NO_CHECK6_TX', 101], ['NO_CHECK6_RX', 102], ['SEGMENT', 103], ['GRO', 104]]); // prettier-ignore

/** Those of raw sockets; ICMP_FILTER and ICMP6_FILTER (linux/icmp.h, icmpv6.h) are of those protocols. */
const raw = [
  ...rules(solIp, 'IP_', [['HDRINCL', 3], ['NODEFRAG', 22]]),
  ...rules(solRaw, 'ICMP_', [['FILTER', 1]]),
]; // prettier-ignore
const raw6 = [
  ...rules(solIpv6, 'IPV6_', [['CHECKSUM', 7], ['HDRINCL', 36], ['RECVHOPOPTS', 53], ['RECVRTHDR', 56], ['RECVDSTOPTS', 58], ['RECVPATHMTU', 60]]),
  ...rules(solIcmpv6, 'ICMP6_', [['FILTER', 1, 32]]),
]; // prettier-ignore

const unix = rules(solSocket, 'SO_', [
  ['PASSCRED', 16],
  ['PASSSEC', 34],
  ['PASSPIDFD', 76],
  ['PASSRIGHTS', 83],
]);

const netlink = rules(solNetlink, 'NETLINK_', [
  ['PKTINFO', 3], ['BROADCAST_ERROR', 4], ['NO_ENOBUFS', 5], ['LISTEN_ALL_NSID', 8], ['CAP_ACK', 10], ['EXT_ACK', 11],
  ['GET_STRICT_CHK', 12],
]); // prettier-ignore

/** SO_PASSCRED and its kin: whether messages bring their senders, which the kernel decides as they are sent. */
export function isAboutSenders({ level, name }: Pick<OptionValue, 'level' | 'name'>): boolean {
  return level === solSocket && unix.some(({ option }) => option === name);
}

export const afUnix = 1;
const afNetlink = 16;
export const afInet = 2;
export const afInet6 = 10;
export const sockStream = 1;
export const sockDgram = 2;
export const sockRaw = 3;

/**
 * The options that a kind of socket may have. Those for multicast are refused by TCP sockets, which show what they keep there for another
 * purpose (tcp_v4_syn_recv_sock: the TTL of the first segment).
 */
export function optionRules(domain: number, type: number): readonly OptionRule[] {
  if (domain === afUnix) return [...common, ...unix];
  if (domain === afNetlink) return [...common, ...unix, ...netlink];
  const network = [...ip, ...(domain === afInet6 ? ipv6 : [])];
  // IPV6_V6ONLY is refused once there is a port, in whose place they have their protocol.
  if (type === sockRaw)
    return [
      ...common,
      ...inet,
      ...network.filter(({ label }) => label !== 'IPV6_V6ONLY'),
      ...(domain === afInet6 ? raw6 : raw),
    ];
  if (type !== sockStream) return [...common, ...inet, ...network, ...udp];
  return [...common, ...inet, ...network.filter(({ label }) => !label.includes('_MULTICAST_')), ...tcp];
}

const labels = new Map(
  [...common, ...inet, ...ip, ...ipv6, ...raw, ...raw6, ...tcp, ...udp, ...unix, ...netlink].map((rule) => [
    `${rule.level}:${rule.option}`,
    rule,
  ]),
);

/** "TCP_NODELAY", for messages. */
export function optionLabel(level: number, option: number): string {
  return labels.get(`${level}:${option}`)?.label ?? `socket option ${level}:${option}`;
}

// TCP segments in their IP packets, as far as it takes to know whose they are, and to make short ones. RFC 791, 8200, 9293.
//
//   list of segments:   | length u32 | packet | length u32 | packet | ...      (native/sys/capture.h)
import { addressText as bytesText, endpointText } from './proc/inet-address.ts';
import { afInet } from './socket-options.ts';
import { addressPort, isMapped } from './socket-address.ts';

const ipv6Header = 40;
const tcpHeader = 20;
const protocolTcp = 6;
const hops = 64;
export const tcpFin = 1;
export const tcpSyn = 2;
export const tcpRst = 4;
export const tcpAck = 16;
export const tcpUrg = 32;

export interface SeenSegment {
  /** "10.0.0.1:80" */
  readonly source: string;
  readonly destination: string;
  readonly sequence: number;
  readonly acknowledged: number;
  readonly flags: number;
  /** The first one of a new connection: SYN without ACK. */
  readonly isFirst: boolean;
  /** Bytes of data. */
  readonly length: number;
  readonly packet: Uint8Array;
}

export function splitSegments(segments: Uint8Array): Uint8Array[] {
  const view = new DataView(segments.buffer, segments.byteOffset, segments.length);
  const packets: Uint8Array[] = [];
  for (let at = 0; at + 4 <= segments.length;) {
    const length = view.getUint32(at, true);
    packets.push(segments.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return packets;
}

export function joinSegments(packets: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const parts = packets.flatMap((packet) => [new Uint8Array(Uint32Array.of(packet.length).buffer), packet]);
  return new Uint8Array(Buffer.concat(parts));
}

/** undefined: it is no whole TCP segment (a fragment, for one). */
export function readSegment(packet: Uint8Array): SeenSegment | undefined {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const isV4 = packet.length > 0 && view.getUint8(0) >> 4 === 4;
  const header = isV4 ? (view.getUint8(0) & 15) * 4 : ipv6Header;
  if (packet.length < header + tcpHeader) return undefined;
  if (isV4 && (view.getUint16(6) & 0x3fff) !== 0) return undefined;
  if (view.getUint8(isV4 ? 9 : 6) !== protocolTcp) return undefined;
  const size = isV4 ? 4 : 16;
  const hostAt = (at: number): string => bytesText(packet.slice(at, at + size));
  const data = header + (view.getUint8(header + 12) >> 4) * 4;
  const end = isV4 ? view.getUint16(2) : ipv6Header + view.getUint16(4);
  return {
    source: endpointText(hostAt(isV4 ? 12 : 8), view.getUint16(header)),
    destination: endpointText(hostAt(isV4 ? 16 : 24), view.getUint16(header + 2)),
    sequence: view.getUint32(header + 4),
    acknowledged: view.getUint32(header + 8),
    flags: view.getUint8(header + 13),
    isFirst: (view.getUint8(header + 13) & (tcpSyn | tcpAck)) === tcpSyn,
    length: Math.max(0, end - data),
    packet,
  };
}

export interface ShortSegment {
  /** struct sockaddr_in or sockaddr_in6, the latter also with an IPv4 address in it. */
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly sequence: number;
  readonly acknowledged: number;
  readonly flags: number;
  /** As it stands in the header. */
  readonly window: number;
  readonly data?: Uint8Array;
  /** As it stands in the header, and means something with the flag. */
  readonly urgentPointer?: number;
}

/** A packet without options. Its checksums are left to whoever sends it (0). */
export function makeSegment({
  from,
  to,
  data = new Uint8Array(),
  urgentPointer = 0,
  ...fields
}: ShortSegment): Uint8Array {
  const [source, destination] = [hostBytes(from), hostBytes(to)];
  const isV4 = source.length === 4;
  const header = isV4 ? 20 : ipv6Header;
  const packet = new Uint8Array(header + tcpHeader + data.length);
  const view = new DataView(packet.buffer);
  if (isV4) {
    packet.set([0x45, 0]);
    view.setUint16(2, packet.length); // the kernel reckons the IP checksum
    packet.set([0x40, 0, hops, protocolTcp], 6);
    packet.set(source, 12);
    packet.set(destination, 16);
  } else {
    view.setUint32(0, 0x6000_0000);
    view.setUint16(4, tcpHeader + data.length);
    packet.set([protocolTcp, hops], 6);
    packet.set(source, 8);
    packet.set(destination, 24);
  }
  view.setUint16(header, addressPort(from));
  view.setUint16(header + 2, addressPort(to));
  view.setUint32(header + 4, fields.sequence);
  view.setUint32(header + 8, fields.acknowledged);
  packet.set([(tcpHeader / 4) << 4, fields.flags], header + 12);
  view.setUint16(header + 14, fields.window);
  view.setUint16(header + 18, urgentPointer);
  packet.set(data, header + tcpHeader);
  return packet;
}

/** 4 bytes also of an IPv4 address in an IPv6 one (::ffff:0:0/96), which is what goes over the wire. */
export function hostBytes(address: Uint8Array): Uint8Array<ArrayBuffer> {
  if (address[0] === afInet) return address.slice(4, 8);
  const host = address.slice(8, 24);
  return isMapped(address) ? host.slice(12) : host;
}

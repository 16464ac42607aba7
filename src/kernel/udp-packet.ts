// A UDP datagram in its IP packet, as a raw socket takes it. RFC 768, 791, 8200.
import { addressText, endpointText } from './proc/inet-address.ts';
import { addressPort } from './socket-address.ts';
import { hostBytes } from './tcp-segment.ts';

const ipv4Header = 20;
const ipv6Header = 40;
const udpHeader = 8;
const protocolUdp = 17;
const hops = 64;

export interface PlainDatagram {
  /** struct sockaddr_in or sockaddr_in6, the latter also with an IPv4 address in it. */
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly data: Uint8Array;
}

export interface SeenDatagram {
  /** "10.0.0.1:80" */
  readonly source: string;
  readonly destination: string;
  readonly data: Uint8Array;
  readonly packet: Uint8Array;
}

/** undefined: it is no whole UDP datagram (a fragment, for one). */
export function readDatagram(packet: Uint8Array): SeenDatagram | undefined {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const isV4 = packet.length > 0 && view.getUint8(0) >> 4 === 4;
  const header = isV4 ? (view.getUint8(0) & 15) * 4 : ipv6Header;
  if (packet.length < header + udpHeader) return undefined;
  if (isV4 && (view.getUint16(6) & 0x3fff) !== 0) return undefined;
  if (view.getUint8(isV4 ? 9 : 6) !== protocolUdp) return undefined;
  const length = view.getUint16(header + 4);
  if (length < udpHeader || header + length > packet.length) return undefined;
  const size = isV4 ? 4 : 16;
  const hostAt = (at: number): string => addressText(packet.slice(at, at + size));
  return {
    source: endpointText(hostAt(isV4 ? 12 : 8), view.getUint16(header)),
    destination: endpointText(hostAt(isV4 ? 16 : 24), view.getUint16(header + 2)),
    data: packet.subarray(header + udpHeader, header + length),
    packet,
  };
}

/** Preconditions: both ends of one family. Checksums are left to whoever sends it (0). */
export function makeDatagram({ from, to, data }: PlainDatagram): Uint8Array {
  const [source, destination] = [hostBytes(from), hostBytes(to)];
  const isV4 = source.length === 4;
  const header = isV4 ? ipv4Header : ipv6Header;
  const packet = new Uint8Array(header + udpHeader + data.length);
  const view = new DataView(packet.buffer);
  if (isV4) {
    packet.set([0x45, 0]);
    view.setUint16(2, packet.length); // the kernel reckons the IP checksum
    packet.set([hops, protocolUdp], 8);
    packet.set(source, 12);
    packet.set(destination, 16);
  } else {
    view.setUint32(0, 0x6000_0000);
    view.setUint16(4, udpHeader + data.length);
    packet.set([protocolUdp, hops], 6);
    packet.set(source, 8);
    packet.set(destination, 24);
  }
  view.setUint16(header, addressPort(from));
  view.setUint16(header + 2, addressPort(to));
  view.setUint16(header + 4, udpHeader + data.length);
  packet.set(data, header + udpHeader);
  return packet;
}

// A UDP datagram in its IP packet, as a raw socket takes it. RFC 768, 791, 8200.
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

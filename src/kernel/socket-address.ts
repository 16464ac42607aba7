// struct sockaddr as text, for messages: "10.0.0.1:80", "[::1]:80", "/run/x.sock", "@abstract".
import { addressText as bytesText, endpointText } from './proc/inet-address.ts';
import { afInet, afInet6, afUnix } from './socket-options.ts';

export function addressText(address: Uint8Array): string {
  if (address.length < 2) return 'unnamed';
  const view = new DataView(address.buffer, address.byteOffset, address.length);
  const family = view.getUint16(0, true);
  if (family === afUnix) return unixName(address.subarray(2));
  if (family === afInet && address.length >= 8) {
    return endpointText(bytesText(address.subarray(4, 8)), view.getUint16(2));
  }
  if (family === afInet6 && address.length >= 24)
    return endpointText(bytesText(address.subarray(8, 24)), view.getUint16(2));
  return `address family ${family}`;
}

/** "10.0.0.1" */
export function hostText(address: Uint8Array): string {
  return plainHost(bytesText(address[0] === afInet ? address.subarray(4, 8) : address.subarray(8, 24)));
}

/** Port of an internet address; 0 when there is none. */
export function addressPort(address: Uint8Array): number {
  return ((address[2] ?? 0) << 8) | (address[3] ?? 0);
}

/** The same for an IPv4 address and for what an IPv6 socket calls it (::ffff:0:0/96). */
export function endpointKey(address: Uint8Array): string {
  return endpointText(hostText(address), addressPort(address));
}

/** "::ffff:10.0.0.1" -> "10.0.0.1" */
export function plainHost(host: string): string {
  return host.replace(/^::ffff:(?=\d+\.)/, '');
}

/** An IPv4 address in an IPv6 one (::ffff:0:0/96). */
export function isMapped(address: Uint8Array): boolean {
  return (
    address[0] === afInet6 &&
    bytesText(address.subarray(8, 24)).startsWith('::ffff:') &&
    hostText(address).includes('.')
  );
}

/** Every address of the host: what a socket is bound to that has chosen none. */
export function isAnyAddress(address: Uint8Array): boolean {
  return ['0.0.0.0', '::', '::ffff:0.0.0.0'].includes(hostText(address));
}

/** 127.0.0.0/8, also as an IPv6 address, or ::1. */
export function isLoopback(address: Uint8Array): boolean {
  if (address[0] === afInet) return address[4] === 127;
  const host = Buffer.from(address.subarray(8, 24)).toString('hex');
  return host === `${'0'.repeat(31)}1` || host.startsWith(`${'0'.repeat(20)}ffff7f`);
}

/** The same address with another port or host part zeroed: 0.0.0.0 or ::. */
export function anyHost(address: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(address);
  if (copy[0] === afInet) copy.fill(0, 4, 8);
  else copy.fill(0, 8, 24);
  return copy;
}

/** sun_path as text. */
export function unixName(name: Uint8Array): string {
  if (name.length === 0) return 'unnamed';
  const text = Buffer.from(name).toString('utf8');
  if (name[0] === 0) return `@${text.slice(1).replaceAll('\0', '@')}`;
  return text.replace(/\0.*$/s, '');
}

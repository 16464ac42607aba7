// Addresses and routes of this host, by rtnetlink(7): struct ifaddrmsg and rtmsg, and their attributes.
import { GodwitError } from '../errors.ts';
import { attribute, attributes, dump, order } from './netlink-messages.ts';
import { errnoName } from './program.ts';
import { afInet } from './socket-options.ts';

const rtmDeladdr = 21;
const rtmGetaddr = 22;
const rtmGetroute = 26;
const ifaAddress = 1;
const ifaLocal = 2;
const ifaLabel = 3;
const ifaBroadcast = 4;
/** struct ifa_cacheinfo: seconds that it is preferred and valid, and when it came and changed. */
const ifaCacheinfo = 6;
const ifaFlags = 8;
const ifaRtPriority = 9;
const ifaProto = 11;
const forever = 0xffffffff;
/** No duplicate address detection: the address was in use until now, on the host that gives it up. */
const ifaFlagNodad = 2;
const ifaFlagPermanent = 0x80;
const addressHeader = 8;
const routeHeader = 12;
const rtaOif = 4;
const rtaGateway = 5;
const rtaPrefsrc = 7;
/** rtm_protocol of routes that the kernel makes itself with an address. */
const routeOfKernel = 2;

/** An address as the kernel tells it. */
export interface HostAddress {
  readonly family: number;
  readonly address: Uint8Array<ArrayBuffer>;
  readonly prefix: number;
  readonly scope: number;
  readonly interfaceIndex: number;
  readonly broadcast: Uint8Array<ArrayBuffer> | undefined;
  /** Another one of its network on this interface came first, and takes it along when it goes. */
  readonly isSecondary: boolean;
  /** Nobody has lent it for a time. */
  readonly isPermanent: boolean;
  readonly message: Uint8Array<ArrayBuffer>;
}

/** @throws GodwitError SYSCALL */
export function hostAddresses(): HostAddress[] {
  return dump(rtmGetaddr, new Uint8Array(addressHeader)).map((message) => {
    const view = new DataView(message.buffer);
    const values = attributes(message, addressHeader);
    const flags = values.get(ifaFlags);
    const isSecondary = ((flags?.[0] ?? view.getUint8(2)) & 1) !== 0;
    return {
      family: view.getUint8(0),
      prefix: view.getUint8(1),
      scope: view.getUint8(3),
      interfaceIndex: view.getUint32(4, true),
      address: values.get(ifaLocal) ?? values.get(ifaAddress) ?? new Uint8Array(),
      broadcast: values.get(ifaBroadcast),
      isSecondary: isSecondary && view.getUint8(0) === afInet, // of IPv6 the same bit means a temporary one
      isPermanent: isForever(values.get(ifaCacheinfo)),
      message,
    };
  });
}

/**
 * Routes that go with these addresses and do not come back with them: those that somebody has made with one of them as their source, and
 * all of an interface that loses its last IPv4 address (fib_disable_ip). Those with a gateway come first, for they need the others.
 */
export function routesOf(addresses: readonly HostAddress[]): Uint8Array<ArrayBuffer>[] {
  const going = new Set(addresses.map(keyOf));
  const staying = hostAddresses().filter((one) => one.family === afInet && !going.has(keyOf(one)));
  const kept = new Set(staying.map((one) => one.interfaceIndex));
  const bare = new Set(
    addresses
      .filter((one) => one.family === afInet && !kept.has(one.interfaceIndex))
      .map((one) => one.interfaceIndex),
  );
  const found = [...new Set(addresses.map(({ family }) => family))].flatMap((family) => {
    const request = new Uint8Array(routeHeader);
    request[0] = family;
    return dump(rtmGetroute, request).filter((message) => {
      if (message[5] === routeOfKernel) return false;
      const values = attributes(message, routeHeader);
      const source = values.get(rtaPrefsrc);
      const isFrom =
        source !== undefined && addresses.some(({ address }) => Buffer.compare(address, source) === 0);
      const [device = 0] = new Uint32Array(values.get(rtaOif)?.buffer ?? [0]);
      return isFrom || (family === afInet && bare.has(device));
    });
  });
  const needsOthers = (message: Uint8Array<ArrayBuffer>): boolean =>
    attributes(message, routeHeader).has(rtaGateway);
  return [...found.filter(needsOthers), ...found.filter((message) => !needsOthers(message))];
}

const keyOf = ({ interfaceIndex, address }: HostAddress): string =>
  `${interfaceIndex} ${Buffer.from(address).toString('hex')}`;

function isForever(lifetimes: Uint8Array<ArrayBuffer> | undefined): boolean {
  return lifetimes === undefined || new DataView(lifetimes.buffer).getUint32(4, true) === forever;
}

/** @throws GodwitError SYSCALL */
export function removeAddress({ message }: HostAddress): void {
  const errno = order(rtmDeladdr, message);
  if (errno < 0)
    throw new GodwitError('SYSCALL', `an address cannot be taken off this host: ${errnoName(errno)}`);
}

/** The message that gives a host an address (RTM_NEWADDR), for the keeper. */
export function addressMessage(
  wanted: Pick<HostAddress, 'family' | 'address' | 'prefix' | 'scope' | 'interfaceIndex' | 'broadcast'>,
): Uint8Array {
  const header = new Uint8Array(addressHeader);
  header.set([wanted.family, wanted.prefix, 0, wanted.scope]);
  new DataView(header.buffer).setUint32(4, wanted.interfaceIndex, true);
  return Buffer.concat([
    header,
    attribute(ifaLocal, wanted.address),
    attribute(ifaAddress, wanted.address),
    ...(wanted.broadcast === undefined ? [] : [attribute(ifaBroadcast, wanted.broadcast)]),
    attribute(ifaFlags, new Uint8Array(Uint32Array.of(ifaFlagNodad | ifaFlagPermanent).buffer)),
  ]);
}

/** The message that gives it back, whatever the kernel adds when it tells of one. */
export function restoreMessage({ message }: HostAddress): Uint8Array {
  const kept = new Set([ifaAddress, ifaLocal, ifaLabel, ifaBroadcast, ifaCacheinfo, ifaRtPriority, ifaProto]);
  const [flags = 0] = new Uint32Array(attributes(message, addressHeader).get(ifaFlags)?.buffer ?? [0]);
  const nodad = new Uint8Array(Uint32Array.of((flags & ~1) | ifaFlagNodad).buffer);
  return Buffer.concat([
    message.subarray(0, addressHeader),
    ...[...attributes(message, addressHeader)].flatMap(([type, value]) =>
      kept.has(type) ? [attribute(type, value)] : [],
    ),
    attribute(ifaFlags, nodad),
  ]);
}

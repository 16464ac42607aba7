// From which addresses of this host connections can be forwarded when their tree has left (--keep-connections forward).
import type { Forwarding } from '../../images/forwarding.ts';
import { readLinks } from '../../kernel/network/links.ts';
import { addressText } from '../../kernel/proc/inet-address.ts';
import type { HostAddress } from '../../kernel/rtnetlink.ts';
import { afInet6 } from '../../kernel/socket-options.ts';
import { ownAddresses } from '../moving-addresses.ts';

const defaultMtu = 1500;

/** All that are its own, but for link-local ones of IPv6, which mean nothing without their interface. */
export function forwardable(): HostAddress[] {
  return ownAddresses().filter(
    ({ family, address: [first = 0, second = 0] }) =>
      family !== afInet6 || !(first === 0xfe && (second & 0xc0) === 0x80),
  );
}

/** As hostText writes them. */
export function forwardedHosts(): ReadonlySet<string> {
  return new Set(forwardable().map(({ address }) => addressText(address)));
}

export function forwardingImage(): Forwarding {
  const addresses = forwardable();
  const used = new Set(addresses.map(({ interfaceIndex }) => interfaceIndex));
  const mtus = readLinks()
    .filter(({ index }) => used.has(index))
    .map(({ mtu }) => mtu);
  const texts = new Map(addresses.map(({ address }) => [addressText(address), address]));
  return { hosts: [...texts.values()], mtu: mtus.length === 0 ? defaultMtu : Math.min(...mtus, 0xffff) };
}

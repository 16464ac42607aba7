// Addresses that come along with a tree: on which interface of this host each of them goes.
import type { MovedAddress } from '../images/addresses.ts';
import type { Blocker } from '../images/requirements.ts';
import { GodwitError } from '../errors.ts';
import { interfaceIndex, interfaceName } from '../kernel/interfaces.ts';
import { addressText } from '../kernel/proc/inet-address.ts';
import { may } from '../kernel/rights.ts';
import { addressMessage, hostAddresses, type HostAddress } from '../kernel/rtnetlink.ts';
import { closeLocal, openSocket } from '../kernel/socket-facts.ts';
import { afInet, sockDgram } from '../kernel/socket-options.ts';
import { blocker } from './check/blocker.ts';

/** As hostText writes them. */
export function hostsOf(addresses: readonly MovedAddress[]): ReadonlySet<string> {
  return new Set(addresses.map(({ address }) => addressText(address)));
}

export function checkAddresses(addresses: readonly MovedAddress[]): Blocker[] {
  if (addresses.length === 0) return [];
  const own = hostAddresses();
  return addresses.flatMap((moved) => {
    const text = addressText(moved.address);
    const name = `address ${text}`;
    if (!may('tcp-repair')) return [blocker(name, 'adding it needs CAP_NET_ADMIN', 'run receive as root')];
    if (own.some(({ address }) => addressText(address) === text))
      return [blocker(name, 'this host has it already', 'take it off: ip addr del')];
    if (placeOf(moved, own) !== undefined) return [];
    const wanted = moved.wanted ?? moved.device;
    const reason = `there is no interface ${wanted} here, and none with an address of its network`;
    return [
      blocker(
        name,
        moved.wanted === undefined ? reason : `there is no interface ${wanted} here`,
        'give --move-ip ADDR/DEV with an interface of the target',
      ),
    ];
  });
}

/** What gives this host the address, for the keeper. @throws GodwitError REFUSED */
export function arrivalMessage(moved: MovedAddress): Uint8Array {
  const interfaceIndex = placeOf(moved, hostAddresses());
  if (interfaceIndex === undefined)
    throw new GodwitError(
      'REFUSED',
      `there is no interface here for the address ${addressText(moved.address)} any more`,
    );
  return addressMessage({ ...moved, broadcast: moved.broadcast, interfaceIndex });
}

/** Index of the interface. */
function placeOf(
  { wanted, device, family, address, prefix }: MovedAddress,
  own: readonly HostAddress[],
): number | undefined {
  const fd = openSocket(afInet, sockDgram, 0);
  try {
    if (wanted !== undefined) return interfaceIndex(fd, wanted);
    const network = own.find(
      (one) =>
        one.family === family &&
        one.prefix < 8 * address.length &&
        isSameNetwork(one.address, address, one.prefix) &&
        interfaceName(fd, one.interfaceIndex) !== 'lo',
    );
    // A network of its own address only (a prefix of 32 or 128) is everywhere.
    const named = interfaceIndex(fd, device);
    return prefix === 8 * address.length
      ? (named ?? network?.interfaceIndex)
      : (network?.interfaceIndex ?? named);
  } finally {
    closeLocal(fd);
  }
}

function isSameNetwork(a: Uint8Array, b: Uint8Array, prefix: number): boolean {
  for (let bit = 0; bit < prefix; bit++) {
    const mask = 0x80 >> (bit % 8);
    if (((a[bit >> 3] ?? 0) & mask) !== ((b[bit >> 3] ?? 0) & mask)) return false;
  }
  return true;
}

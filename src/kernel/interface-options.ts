// Socket options that name a network interface by its index, or by an address of it: they travel with its name, for both are
// others on another host.
import { networkInterfaces } from 'node:os';
import { cString, interfaceIndex, interfaceName } from './interfaces.ts';
import { addressText } from './proc/inet-address.ts';
import { solIp, solIpv6, solSocket, type OptionValue } from './socket-options.ts';

const soBindtodevice = 25;
const ipMulticastIf = 32;
const ipv6MulticastIf = 17;
const addressLength = 4;

type Value = Uint8Array<ArrayBuffer>;

/** The value as it travels. Of IPV6_MULTICAST_IF the interface's name; of IP_MULTICAST_IF the address, then the name. */
export function valueToSend(fd: number, { level, name, value }: OptionValue): Value {
  if (level === solIpv6 && name === ipv6MulticastIf) {
    const index = new DataView(value.buffer, value.byteOffset).getInt32(0, true);
    return Uint8Array.from(Buffer.from(interfaceName(fd, index) ?? ''));
  }
  if (level === solIp && name === ipMulticastIf) {
    return Uint8Array.from(Buffer.concat([value, Buffer.from(interfaceWith(addressText(value)) ?? '')]));
  }
  return value;
}

/** The values to set here, one after the other: the option holds when one of them is taken. Empty: no such interface. */
export function valuesToSet(fd: number, { level, name, value }: OptionValue): Value[] {
  if (level === solIpv6 && name === ipv6MulticastIf) {
    const index = interfaceIndex(fd, cString(value));
    return index === undefined ? [] : [new Uint8Array(Int32Array.of(index).buffer)];
  }
  if (level === solIp && name === ipMulticastIf) {
    const index = interfaceIndex(fd, cString(value.subarray(addressLength)));
    const address = value.slice(0, addressLength);
    return index === undefined ? [address] : [anyAddressOf(index), address];
  }
  return [value];
}

/** The interface that an option names as it travels; undefined: none, or one that the target can do without. */
export function interfaceOf({ level, name, value }: OptionValue): string | undefined {
  const isNamed =
    (level === solSocket && name === soBindtodevice) || (level === solIpv6 && name === ipv6MulticastIf);
  return isNamed && value.length > 0 ? cString(value) : undefined;
}

/** struct ip_mreqn: group, address, index. What is sent there then bears the address that the interface has here. */
function anyAddressOf(index: number): Value {
  return new Uint8Array(Int32Array.of(0, 0, index).buffer);
}

function interfaceWith(address: string): string | undefined {
  const found = Object.entries(networkInterfaces()).find(([, list]) =>
    list?.some((one) => one.address === address),
  );
  return found?.[0];
}

// /proc/PID/net/igmp and igmp6: the multicast groups that the interfaces of a network namespace have joined, for whomever.
import { readProcText } from './read-proc.ts';
import { parseHexAddress } from './inet-address.ts';

export interface MulticastGroup {
  readonly device: string;
  /** Of the interface. */
  readonly index: number;
  /** 4 or 16 bytes. */
  readonly address: Uint8Array<ArrayBuffer>;
  /** How often it was joined on this interface; the kernel joins its own groups once. */
  readonly users: number;
}

/**
 * "4	eth0      :     1      V3", and below it its groups, in the machine's order: "				010000E0     1 0:00000000		0".
 */
export function parseIgmp(text: string): MulticastGroup[] {
  let device = '';
  let index = 0;
  const groups: MulticastGroup[] = [];
  for (const line of text.split('\n').slice(1)) {
    const words = line.trim().split(/\s+/);
    const [first = '', second = ''] = words;
    if (/^\s/.test(line)) {
      groups.push({ device, index, address: new Uint8Array(parseHexAddress(first)), users: Number(second) });
    } else if (words.length > 1) {
      index = Number(first);
      device = second.replace(/:$/, '');
    }
  }
  return groups;
}

/** "4    eth0            ff020000000000000000000000000001     1 0000000C 0" */
export function parseIgmp6(text: string): MulticastGroup[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [index, device = '', address = '', users] = line.trim().split(/\s+/);
      return {
        device,
        index: Number(index),
        address: new Uint8Array(Buffer.from(address, 'hex')),
        users: Number(users),
      };
    });
}

/** Groups that the kernel joins by itself on every interface, for no socket: all hosts, all nodes, solicited nodes. */
export function isOfKernel({ address, users }: Pick<MulticastGroup, 'address' | 'users'>): boolean {
  const hex = Buffer.from(address).toString('hex');
  // As often as the host has addresses that end alike: only the kernel asks for neighbors.
  if (/^ff0200000000000000000001ff/.test(hex)) return true;
  return users === 1 && /^(e0000001|ff0[12]0{27}1)$/.test(hex);
}

/** Groups of the agent's network namespace that sockets may have joined. */
export function readMulticastGroups(): MulticastGroup[] {
  return [...parseIgmp(readOrNothing('net/igmp')), ...parseIgmp6(readOrNothing('net/igmp6'))].filter(
    (group) => !isOfKernel(group),
  );
}

/** A kernel or a boot without multicast, or without IPv6, has no such file. */
function readOrNothing(name: string): string {
  try {
    return readProcText('self', name) ?? '';
  } catch {
    return '';
  }
}

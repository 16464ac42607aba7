// Addresses as people write them: [addr:]port and host:port, IPv6 in brackets.
import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { GodwitError } from '../errors.ts';

export interface Endpoint {
  /** As it was written: for messages. */
  readonly host: string;
  /** As it was resolved: what is bound or connected. */
  readonly address: string;
  readonly port: number;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');
loopback.addSubnet('::ffff:127.0.0.0', 104, 'ipv6');

/** `address` is an IP address, not a name. */
export function isLoopback(address: string): boolean {
  return loopback.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

export function formatEndpoint({ address, port }: Pick<Endpoint, 'address' | 'port'>): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/**
 * Splits `text` into host and port. `option` names it in messages.
 * @throws GodwitError USAGE
 */
export function parseEndpoint(
  text: string,
  option: string,
  defaultHost?: string,
): { host: string; port: number } {
  const form = defaultHost === undefined ? 'host:port' : '[addr:]port';
  const match = /^(?:(?:\[([^[\]]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? defaultHost;
  const port = Number(match?.[3]);
  const isBadBracket = match?.[1] !== undefined && isIP(match[1]) !== 6;
  const lowest = defaultHost === undefined ? 1 : 0;
  if (match === null || host === undefined || isBadBracket || port < lowest || port > 65_535) {
    throw new GodwitError('USAGE', `${option} ${JSON.stringify(text)} is not ${form}`, {
      hint: `write ${form}, with an IPv6 address in brackets: ${option} [::1]:7070`,
    });
  }
  return { host, port };
}

/** Looks the name up. @throws GodwitError PEER: it is unknown */
export async function resolveEndpoint(
  { host, port }: { host: string; port: number },
  option: string,
): Promise<Endpoint> {
  try {
    const { address } = await lookup(host);
    return { host, address, port };
  } catch (error) {
    throw new GodwitError('PEER', `${option} ${host}: the name cannot be resolved`, { cause: error });
  }
}

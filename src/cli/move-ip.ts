// --move-ip ADDR[/DEV]
import { isIP, SocketAddress } from 'node:net';
import { GodwitError } from '../errors.ts';
import type { MoveRequest } from '../source/moving-addresses.ts';

export const moveIpOption = {
  type: 'string',
  array: true,
  requiresArg: true,
  default: [] as string[],
  describe:
    'ADDR[/DEV]: an address that moves along, to that interface of the target; connections to it stay',
} as const;

/** @throws GodwitError USAGE */
export function parseMove(text: string): MoveRequest {
  const slash = text.indexOf('/');
  const given = slash < 0 ? text : text.slice(0, slash);
  const device = slash < 0 ? undefined : text.slice(slash + 1);
  const family = isIP(given);
  if (family === 0) throw new GodwitError('USAGE', `--move-ip takes an IP address, and "${given}" is none`);
  if (device !== undefined && (!/^[^/\s]{1,15}$/.test(device) || /^\d+$/.test(device))) {
    throw new GodwitError('USAGE', `--move-ip ${text}: behind the slash stands an interface of the target`, {
      hint: 'the length of the prefix is taken from the source',
    });
  }
  const { address } = new SocketAddress({ address: given, family: family === 4 ? 'ipv4' : 'ipv6' });
  return { address, device };
}

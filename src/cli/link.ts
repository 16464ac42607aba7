// --link DEV@BRIDGE
import { GodwitError } from '../errors.ts';
import type { LinkRequest } from '../source/network/outer-ends.ts';

export const linkOption = {
  type: 'string',
  array: true,
  requiresArg: true,
  default: [] as string[],
  describe:
    'DEV@BRIDGE: of a tree with a network of its own, the bridge of the target that its link DEV hangs on; without it one of the same name as here',
} as const;

/** @throws GodwitError USAGE */
export function parseLink(text: string): LinkRequest {
  const [, device, bridge] = /^([^/@\s]{1,15})@([^/@\s]{1,15})$/.exec(text) ?? [];
  if (device === undefined || bridge === undefined) {
    throw new GodwitError('USAGE', `--link takes DEV@BRIDGE, and "${text}" is none`, {
      hint: 'an interface of the tree, and a bridge of the target: eth0@br0',
    });
  }
  return { device, bridge };
}

// Which tree: the option that several verbs have in common.
import { GodwitError } from '../errors.ts';

export const treeOption = {
  type: 'number',
  alias: ['t', 'tree'],
  requiresArg: true,
  describe: 'root of the tree',
} as const;

/** @throws GodwitError USAGE */
export function requirePid(pid: number): void {
  if (!Number.isInteger(pid) || pid < 1) throw new GodwitError('USAGE', '--pid takes one process ID');
}

// The agent's descriptor of what it has mapped itself, and no name leads to.
import { openSync } from 'node:fs';
import { GodwitError } from '../errors.ts';

/** @throws GodwitError NO_RIGHTS */
export function openMapped(address: number, length: number, flags: number): number {
  const range = `${address.toString(16)}-${(address + length).toString(16)}`;
  try {
    return openSync(`/proc/self/map_files/${range}`, flags);
  } catch (error) {
    throw new GodwitError(
      'NO_RIGHTS',
      `shared memory cannot be opened through /proc/self/map_files/${range}`,
      {
        hint: 'the agent needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE',
        cause: error,
      },
    );
  }
}

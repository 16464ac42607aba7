// The agent's descriptor of a System V segment: attaching it for a moment is the only way there is to one that nobody has mapped.
import { constants } from 'node:fs';
import { runLocal } from './local-program.ts';
import { openMapped } from './open-mapped.ts';
import { readMaps } from './proc/maps.ts';
import { Program } from './program.ts';

const shmReadOnly = 0o10000;

/** The segment remembers this attachment as its last. @throws GodwitError REMOTE_CALL, NO_RIGHTS */
export function openSegment(id: number, isWritable: boolean): number {
  const name = `System V segment ${id}`;
  const attach = new Program();
  const at = attach.call('shmat', id, 0, isWritable ? 0 : shmReadOnly);
  const address = runLocal(attach, name).number(at);
  try {
    const flags = isWritable ? constants.O_RDWR : constants.O_RDONLY;
    // Whole pages, of whatever size: only the mapping tells.
    const own = readMaps('self')?.find(({ start }) => start === address);
    return openMapped(address, (own?.end ?? address) - address, flags);
  } finally {
    const detach = new Program();
    detach.attempt('shmdt', address);
    runLocal(detach, name);
  }
}

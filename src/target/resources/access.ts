// Pipes, sockets and memfds are made by the agent, and belong to whom they belonged to.
import { fchmodSync, fchownSync, fstatSync } from 'node:fs';
import type { OpenFile } from '../../images/state.ts';
import { asGodwitError } from '../../errors.ts';

const permissions = 0o7777;

/**
 * Preconditions: every socket is bound, for those who share a port by SO_REUSEPORT must be of one user while they are, and nothing is
 * sealed yet (F_SEAL_EXEC).
 */
export function giveAccess(fd: number, { access }: OpenFile, warn: (text: string) => void): void {
  if (access === undefined) return;
  const { uid, gid, mode } = fstatSync(fd);
  try {
    if (uid !== access.uid || gid !== access.gid) fchownSync(fd, access.uid, access.gid);
    if ((mode & permissions) !== access.mode) fchmodSync(fd, access.mode);
  } catch (error) {
    const wanted = `user ${access.uid}, group ${access.gid}, mode ${access.mode.toString(8)}`;
    warn(
      `a pipe, socket or memfd stays with user ${uid}, group ${gid} (${wanted}): ${asGodwitError(error).message}`,
    );
  }
}

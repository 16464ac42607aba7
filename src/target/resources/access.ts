// Pipes, sockets and memfds are made by the agent, and belong to whom they belonged to.
import { fchmodSync, fchownSync, fstatSync } from 'node:fs';
import type { OpenFile } from '../../images/state.ts';
import { asGodwitError } from '../../errors.ts';

const permissions = 0o7777;

/**
 * Preconditions: every socket is bound, for those who share a port by SO_REUSEPORT must be of one user while they are, and nothing is
 * sealed yet (F_SEAL_EXEC).
 */
export function giveAccess(fd: number, file: OpenFile, warn: (text: string) => void): void {
  const { access } = file;
  if (access === undefined) return;
  const { uid, gid, mode } = fstatSync(fd);
  const attempt = (what: string, act: () => void): void => {
    try {
      act();
    } catch (error) {
      warn(`open file ${file.id} (${file.resource.kind}) ${what}: ${asGodwitError(error).message}`);
    }
  };
  // The owner first: a change of it takes set-user-ID bits away (chown(2)).
  if (uid !== access.uid || gid !== access.gid)
    attempt(`stays with user ${uid}, group ${gid} (${access.uid}, ${access.gid} before)`, () => {
      fchownSync(fd, access.uid, access.gid);
    });
  if ((mode & permissions) !== access.mode)
    attempt(`keeps the mode ${(mode & permissions).toString(8)} (${access.mode.toString(8)} before)`, () => {
      fchmodSync(fd, access.mode);
    });
}

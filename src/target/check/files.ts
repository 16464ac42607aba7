// The files that the tree has mapped or open, and the directories that it stands in, must be here, and be the same.
import { closeSync, constants, statSync } from 'node:fs';
import { asGodwitError, GodwitError } from '../../errors.ts';
import type { Blocker, Requirements } from '../../images/requirements.ts';
import { mayAccess } from '../../kernel/may-access.ts';
import { errnoName } from '../../kernel/program.ts';
import { openIdentified } from '../agent-files.ts';
import { presentDirectory, whyNoNameless } from '../nameless-files.ts';
import { blocker } from './blocker.ts';

export function checkFiles({ files, directories, places }: Requirements, sameKernel: boolean): Blocker[] {
  const found: Blocker[] = [];
  for (const identity of files) {
    try {
      closeSync(openIdentified(identity, constants.O_RDONLY, sameKernel));
      if (identity.written) refuseUnwritable(identity.path);
    } catch (error) {
      const { message, hint } = asGodwitError(error);
      found.push(blocker(identity.path, message, hint ?? ''));
    }
  }
  for (const path of directories) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) continue;
    found.push(
      blocker(
        path,
        'the tree stands in this directory, and it is not here',
        'make it, or mount the same storage',
      ),
    );
  }
  for (const path of new Set(places.map(presentDirectory))) {
    const why = whyNoNameless(path);
    if (why === undefined) continue;
    found.push(
      blocker(
        path,
        `the tree has mapped a file that was deleted, and its content cannot be put into this directory: ${why}`,
        'make the directory writable, or restart the program, so that it uses the file that is there',
      ),
    );
  }
  return found;
}

/** @throws GodwitError REFUSED */
function refuseUnwritable(path: string): void {
  const result = mayAccess(path, constants.W_OK);
  if (result >= 0) return;
  throw new GodwitError('REFUSED', `the tree writes it, and receive may not: ${errnoName(result)}`, {
    hint: 'give the user of receive the right to write it, or run receive as root',
  });
}

// The files that the tree has mapped or open, and the directories that it stands in, must be here, and be the same.
import { closeSync, constants, statSync } from 'node:fs';
import { asGodwitError, GodwitError } from '../../errors.ts';
import type { Blocker, Requirements } from '../../images/requirements.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { errnoName, Program } from '../../kernel/program.ts';
import { openIdentified } from '../agent-files.ts';
import { presentDirectory, whyNoNameless } from '../nameless-files.ts';
import { blocker } from './blocker.ts';

const atFdcwd = -100;
/** AT_EACCESS of faccessat2(2), Linux 5.8. */
const effectiveAccess = 0x200;

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

/** Not access(2), which counts without the capabilities of whoever is not root. @throws GodwitError REFUSED */
function refuseUnwritable(path: string): void {
  const program = new Program();
  const may = program.attempt('faccessat2', atFdcwd, program.cstring(path), constants.W_OK, effectiveAccess);
  const result = runLocal(program).number(may);
  if (result >= 0) return;
  throw new GodwitError('REFUSED', `the tree writes it, and receive may not: ${errnoName(result)}`, {
    hint: 'give the user of receive the right to write it, or run receive as root',
  });
}

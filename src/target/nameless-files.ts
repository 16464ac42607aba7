// Makes files without a name where the source had them, so that they take their space from the same file system.
import { closeSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { GodwitError } from '../errors.ts';
import type { SharedObject } from '../images/memory.ts';
import { runLocal } from '../kernel/local-program.ts';
import { errnoName, Program } from '../kernel/program.ts';
import { openIn, type TreeRoot } from './tree-root.ts';

const ownMode = 0o600;
const readWriteCloexec = 0o2000002;
/** O_TMPFILE, which includes O_DIRECTORY. */
const temporaryFile = 0o20200000;
const createExclusive = 0o300;

/** Returns the agent's descriptor. @throws GodwitError REFUSED, NO_SPACE */
export function createNameless({ id, size, place }: SharedObject, root: TreeRoot): number {
  if (place === undefined) throw new GodwitError('PROTOCOL', `the source named no place for file ${id}`);
  const directory = presentDirectory(place.directory);
  const fd = openNameless(directory, id, root);
  if (fd < 0)
    throw new GodwitError(
      'REFUSED',
      `a file that was deleted while it is in use cannot be made in ${directory} on the target: ${errnoName(fd)}`,
      { hint: 'the target needs the directory, writable and with room for the content' },
    );
  const program = new Program();
  program.attempt('fchown', fd, place.uid, place.gid); // without rights it stays the agent's, as it does for open files
  program.call('fchmod', fd, place.mode);
  program.call('ftruncate', fd, size);
  runLocal(program, `a file without a name in ${directory}`);
  return fd;
}

/** The directory may have gone with the file: then the nearest one above it. */
export function presentDirectory(path: string): string {
  let at = path;
  while (at !== '/' && statSync(at, { throwIfNoEntry: false })?.isDirectory() !== true) at = dirname(at);
  return at;
}

/** Why no file can be made there: the name of an error; undefined when one can. */
export function whyNoNameless(directory: string): string | undefined {
  const fd = openNameless(directory, 0, undefined);
  if (fd < 0) return errnoName(fd);
  closeSync(fd);
  return undefined;
}

/** Not every file system has O_TMPFILE (NFS has not): a name for a moment does it too. */
function openNameless(directory: string, id: number, root: TreeRoot): number {
  const anonymous = openIn(root, directory, temporaryFile | readWriteCloexec, ownMode);
  if (!['EOPNOTSUPP', 'EISDIR', 'EINVAL'].includes(errnoName(anonymous))) return anonymous;
  const path = join(directory, `.godwit-${process.pid}-${id}`);
  const fd = openIn(root, path, createExclusive | readWriteCloexec, ownMode);
  if (fd < 0) return fd;
  const program = new Program();
  program.call('unlink', program.cstring(path));
  runLocal(program, path);
  return fd;
}

// Regular files: opened by name, checked to be the file meant, at the position.
import { fstatSync } from 'node:fs';
import { GodwitError } from '../../errors.ts';
import { closeLocal } from '../../kernel/socket-facts.ts';
import type { TargetDriver } from './driver.ts';
import { asPresentFile, openOrThrow, seek } from './local-files.ts';

const openPath = 0o10000000;

export const regular: TargetDriver<'regular'> = {
  open({ file: index, position }, { flags }, context) {
    const identity = context.fileOf(index);
    const { path } = identity;
    const fd = openOrThrow(path, asPresentFile(flags), 0, context.root);
    const isPath = (flags & openPath) !== 0;
    const mismatch = isPath ? notAFile(fd) : context.mismatch(identity, fd);
    if (mismatch !== undefined) {
      closeLocal(fd);
      throw new GodwitError('REFUSED', `${path} is not the file that the source has open: ${mismatch}`, {
        hint: 'the target needs the same files as the source: copy it, or mount the same storage',
      });
    }
    if (!isPath) seek(fd, position, path);
    return fd;
  },
};

function notAFile(fd: number): string | undefined {
  return fstatSync(fd).isFile() ? undefined : 'it is not a regular file';
}

// Open directories, read up to where they were.
import type { TargetDriver } from './driver.ts';
import { openOrThrow, seek } from './local-files.ts';

const openDirectory = 0o200000;
const openPath = 0o10000000;

export const directory: TargetDriver<'directory'> = {
  open({ path, position, removed }, { flags }, { root, removedDirectories }) {
    // Nothing is in it, and there is no place to seek to.
    if (removed !== undefined)
      return openOrThrow(`/proc/self/fd/${removedDirectories.fdOf(path, removed)}`, flags, openDirectory);
    const fd = openOrThrow(path, flags, openDirectory, root);
    if ((flags & openPath) === 0) seek(fd, position, path);
    return fd;
  },
};

// Files without a name: the agent has made the object (shared-objects.ts), each open file of it is opened anew.
import type { TargetDriver } from './driver.ts';
import { openOrThrow, seek } from './local-files.ts';

/** O_TMPFILE, which includes O_DIRECTORY. */
const temporaryFile = 0o20200000;

export const nameless: TargetDriver<'nameless'> = {
  open({ object, position }, { flags }, context) {
    const path = `/proc/self/fd/${context.objectFd(object)}`;
    const fd = openOrThrow(path, flags & ~temporaryFile);
    seek(fd, position, `file without a name ${object}`);
    return fd;
  },
};

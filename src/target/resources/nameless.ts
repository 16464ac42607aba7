// Files without a name: the agent has made the object (shared-objects.ts), each open file of it is opened anew.
import type { TargetDriver } from './driver.ts';
import { asPresentFile, openOrThrow, seek } from './local-files.ts';

export const nameless: TargetDriver<'nameless'> = {
  open({ object, position }, { flags }, context) {
    const path = `/proc/self/fd/${context.objectFd(object)}`;
    const fd = openOrThrow(path, asPresentFile(flags));
    seek(fd, position, `file without a name ${object}`);
    return fd;
  },
};

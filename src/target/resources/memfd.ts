// Descriptors of memfds: the agent has made the object, each open file of it is opened anew.
import type { TargetDriver } from './driver.ts';
import { openOrThrow, seek } from './local-files.ts';

export const memfd: TargetDriver<'memfd'> = {
  open({ object, position }, { flags }, { objectFd }) {
    const fd = openOrThrow(`/proc/self/fd/${objectFd(object)}`, flags);
    seek(fd, position, `shared object ${object}`);
    return fd;
  },
};

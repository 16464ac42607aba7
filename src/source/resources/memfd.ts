// Descriptors of memfds; the content is a shared memory object of the tree, found by device and inode.
import type { Refusal, SourceDriver } from './driver.ts';
import { refuse } from './refuse.ts';

const tooLate: Refusal = {
  reason: 'it came to light in the very moment of the freeze, and its content is too long to be read now',
  remedy: 'try again; a memfd in flight is seen before when its message stands first in its queue',
};

export const memfd: SourceDriver<'memfd'> = {
  matches: (file) => file.isMemfd,
  survey: () => undefined,
  dump({ first }, { objectOf }) {
    const object = objectOf(first);
    if (object === undefined) throw refuse(first, tooLate);
    return { kind: 'memfd', object, position: first.info.pos };
  },
};

// Descriptors of memfds; the content is a shared memory object of the tree, found by device and inode.
import { statfsSync } from 'node:fs';
import type { Refusal, SourceDriver } from './driver.ts';
import { refuse } from './refuse.ts';
import type { SeenFile } from './seen-file.ts';

const hugePages: Refusal = {
  reason: 'a memfd of huge pages (MFD_HUGETLB), whose memory Godwit does not carry',
  remedy: 'let the program close it for the migration',
};

const tooLate: Refusal = {
  reason: 'it came to light in the very moment of the freeze, and its content is too long to be read now',
  remedy: 'try again; a memfd in flight is seen before when its message stands first in its queue',
};

export const memfd: SourceDriver<'memfd'> = {
  matches: (file) => file.isMemfd,
  survey: ({ first }) => (onHugePages(first) ? hugePages : undefined),
  dump({ first }, { objectOf }) {
    const object = objectOf(first);
    if (object === undefined) throw refuse(first, onHugePages(first) ? hugePages : tooLate);
    return { kind: 'memfd', object, position: first.info.pos };
  },
};

function onHugePages(file: SeenFile): boolean {
  const hugetlbfsMagic = 0x9584_58f6;
  return statfsSync(file.procPath).type >>> 0 === hugetlbfsMagic;
}

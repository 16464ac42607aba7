// Descriptors of memfds; the content is a shared memory object of the tree, found by device and inode.
import { statfsSync } from 'node:fs';
import type { Refusal, SourceDriver } from './driver.ts';
import { refuse } from './refuse.ts';
import type { SeenFile } from './seen-file.ts';

const unknown: Refusal = {
  reason: 'a memfd of huge pages (MFD_HUGETLB), whose memory Godwit does not carry',
  remedy: 'let the program close it for the migration',
};

export const memfd: SourceDriver<'memfd'> = {
  matches: (file) => file.isMemfd,
  survey: ({ first }) => (onHugePages(first) ? unknown : undefined),
  dump({ first }, { objectOf }) {
    const object = objectOf(first);
    if (object === undefined) throw refuse(first, unknown);
    return { kind: 'memfd', object, position: first.info.pos };
  },
};

function onHugePages(file: SeenFile): boolean {
  const hugetlbfsMagic = 0x9584_58f6;
  return statfsSync(file.procPath).type >>> 0 === hugetlbfsMagic;
}

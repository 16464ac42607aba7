// Which descriptors refer to one open file: kcmp(2) tells an order, so that each group of look-alikes is sorted in
// n log n comparisons, and only look-alikes (same inode, mount, position, flags, eventfd id) are compared at all.
import { native } from '../../native.ts';
import type { OpenFileGroup, SeenFile } from './seen-file.ts';

const kcmpFile = 0;

type Compare = (a: SeenFile, b: SeenFile) => number;

/** 0 equal, 1 less, 2 greater; anything else: not comparable (closed meanwhile), taken as different. */
function kcmpOrder(a: SeenFile, b: SeenFile): number {
  return native.kcmp(a.process.pid, b.process.pid, kcmpFile, a.fd, b.fd);
}

/** Groups descriptors by open file, numbered in order of their first descriptor. */
export function groupOpenFiles(seen: readonly SeenFile[], compare: Compare = kcmpOrder): OpenFileGroup[] {
  const groups: { first: SeenFile; holders: SeenFile[] }[] = [];
  const lookAlikes = new Map<string, { first: SeenFile; holders: SeenFile[] }[]>();
  for (const file of seen) {
    const { info } = file;
    const key = `${info.ino ?? 0}:${info.mntId}:${info.pos}:${file.flags}:${info.eventfd?.id ?? 0}:${file.link}`;
    const sorted = lookAlikes.get(key);
    if (sorted === undefined) {
      const group = { first: file, holders: [file] };
      groups.push(group);
      lookAlikes.set(key, [group]);
      continue;
    }
    const { index, found } = search(sorted, file, compare);
    if (found !== undefined) {
      found.holders.push(file);
      continue;
    }
    const group = { first: file, holders: [file] };
    groups.push(group);
    sorted.splice(index, 0, group);
  }
  return groups.map((group, id) => ({ id, ...group }));
}

function search<G extends { first: SeenFile }>(
  sorted: readonly G[],
  file: SeenFile,
  compare: Compare,
): { index: number; found?: G } {
  let low = 0;
  let high = sorted.length;
  // A socket has one open file for ever: /proc cannot open it again.
  if (file.link.startsWith('socket:[') && sorted[0] !== undefined) return { index: 0, found: sorted[0] };
  while (low < high) {
    const middle = (low + high) >> 1;
    const candidate = sorted[middle];
    if (candidate === undefined) break;
    const order = compare(file, candidate.first);
    if (order === 0) return { index: middle, found: candidate };
    if (order === 1) high = middle;
    else low = middle + 1;
  }
  return { index: low };
}

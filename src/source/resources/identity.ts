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

interface GrowingGroup {
  readonly id: number;
  readonly first: SeenFile;
  readonly holders: SeenFile[];
}

/** Open files, numbered in the order in which they are found. */
export class OpenFileGroups {
  readonly #list: GrowingGroup[] = [];
  readonly #lookAlikes = new Map<string, GrowingGroup[]>();
  readonly #compare: Compare;

  constructor(compare: Compare = kcmpOrder) {
    this.#compare = compare;
  }

  /** Grows while files are added. */
  get list(): readonly OpenFileGroup[] {
    return this.#list;
  }

  /** A descriptor of a process. */
  add(file: SeenFile): void {
    const { group, isNew } = this.#find(file);
    if (!isNew) group.holders.push(file);
  }

  /** The open file that a descriptor refers to, whoever has it; `isNew`: nobody else was found to have it. */
  groupOf(file: SeenFile): { readonly group: OpenFileGroup; readonly isNew: boolean } {
    return this.#find(file);
  }

  #find(file: SeenFile): { group: GrowingGroup; isNew: boolean } {
    const { info } = file;
    const key = `${info.ino ?? 0}:${info.mntId}:${info.pos}:${file.flags}:${info.eventfd?.id ?? 0}:${file.link}`;
    const sorted = this.#lookAlikes.get(key) ?? [];
    if (sorted.length === 0) this.#lookAlikes.set(key, sorted);
    const { index, found } = search(sorted, file, this.#compare);
    if (found !== undefined) return { group: found, isNew: false };
    const group = { id: this.#list.length, first: file, holders: [file] };
    this.#list.push(group);
    sorted.splice(index, 0, group);
    return { group, isNew: true };
  }
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

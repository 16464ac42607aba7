// Private memory of reserved huge pages, and what no tracker tells of it. A page of it that was given back (MADV_DONTNEED) and then read
// is there again, full of zeros, and looks as if nobody had touched it: the kernel's note in the page table kept the write protection
// (copy_huge_page_range and __unmap_hugepage_range of mm/hugetlb.c), and there is no shared page of zeros that would show.
// So who is all zeros in the freeze is sent as such. One that is not shows that in its first bytes.
import { readSync } from 'node:fs';
import type { Mapping, SharedObject } from '../../images/memory.ts';
import { hugePageOf } from '../../kernel/huge-pages.ts';
import type { Vma } from '../../kernel/proc/maps.ts';
import { runsOf, type PageRuns } from '../../kernel/page-runs.ts';
import { closeQuietly, openSpaceFile } from '../trackers/tracked-space.ts';

/** Is it memory of reserved huge pages? Soft-dirty bits do not show what is written there (pagemap_hugetlb_range, fs/proc/task_mmu.c). */
export function isHuge(vma: Vma): boolean {
  return hugePageOf(vma) !== undefined;
}

/**
 * How many of them a tree needs. Pages that parent and children share by copy-on-write count for each, as each may come to need its own:
 * where one is missing the kernel takes the page from the child, without a word (hugetlb_wp, unmap_ref_private).
 */
export class HugePageCount {
  readonly #counts = new Map<number, number>();

  /** Of one process. `resident`: bytes of all that it has taken; of what is not reserved (MAP_NORESERVE) only so much is needed. */
  add(mappings: readonly Mapping[], resident: number): void {
    let left = resident;
    for (const { start, end, shared, hugePage, noReserve } of mappings) {
      if (shared || hugePage === undefined) continue;
      const bytes = noReserve ? Math.min(left, end - start) : end - start;
      if (noReserve) left -= bytes;
      this.#count(hugePage, bytes);
    }
  }

  addObjects(objects: readonly SharedObject[]): void {
    for (const { size, hugePage } of objects) if (hugePage !== undefined) this.#count(hugePage, size);
  }

  get all(): { readonly size: number; readonly count: number }[] {
    return [...this.#counts].map(([size, count]) => ({ size, count }));
  }

  #count(size: number, bytes: number): void {
    if (bytes > 0) this.#counts.set(size, (this.#counts.get(size) ?? 0) + Math.ceil(bytes / size));
  }
}

const chunk = 64 * 1024;
const first = 4096;
const zeros = Buffer.alloc(chunk);

/** The pages among `candidates` that hold nothing but zeros. Preconditions: the process is frozen. @throws GodwitError NO_PROCESS */
export function zeroHugePages(pid: number, vmas: readonly Vma[], candidates: PageRuns): PageRuns {
  const found: { start: number; end: number }[] = [];
  const memory = openSpaceFile(pid, 'mem');
  const buffer = Buffer.alloc(chunk);
  try {
    for (const { start, end, size } of hugePagesIn(vmas, candidates))
      if (isZero(memory, buffer, start, size)) found.push({ start, end });
  } finally {
    closeQuietly(memory);
  }
  return runsOf(found);
}

function* hugePagesIn(
  vmas: readonly Vma[],
  { runs, count }: PageRuns,
): Generator<{ readonly start: number; readonly end: number; readonly size: number }> {
  let j = 0;
  for (let i = 0; i < count; i++) {
    const end = (runs[2 * i] ?? 0) + (runs[2 * i + 1] ?? 0);
    for (let at = runs[2 * i] ?? 0; at < end;) {
      while ((vmas[j]?.end ?? Infinity) <= at) j++;
      const vma = vmas[j];
      const size = vma === undefined ? undefined : hugePageOf(vma);
      if (vma === undefined || size === undefined) return;
      const start = at - ((at - vma.start) % size);
      yield { start, end: start + size, size };
      at = start + size;
    }
  }
}

function isZero(memory: number, buffer: Buffer, start: number, size: number): boolean {
  for (let at = 0; at < size;) {
    const length = at === 0 ? first : Math.min(chunk - (at % chunk), size - at);
    const got = readSync(memory, buffer, 0, length, start + at);
    if (got <= 0 || !buffer.subarray(0, got).equals(zeros.subarray(0, got))) return false;
    at += got;
  }
  return true;
}

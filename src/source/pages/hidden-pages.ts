// Without CAP_SYS_ADMIN over the host pagemap does not show what is behind an entry of a page table that is not present: a page in
// swap space, a page that the kernel moves to another frame just now (a migration entry: compaction does that at any moment), or a
// mere note (pte_marker, linux/swapops.h: "write-protected", "given back since"). To take a note for a page is never wrong, for it reads
// as zeros, or as its file: that is what the tracker does (trackers/pagemap-scan.ts). A page that is taken for a note is lost.
//
// Only what was sent and may have been given back since must be told apart: by touching it, as a read does. A page comes back, from
// swap space or its new frame; a note in a private mapping of a file becomes a page of the file.
import { readSync } from 'node:fs';
import { GodwitError } from '../../errors.ts';
import type { Blocker } from '../../images/requirements.ts';
import { ownedRuns, runsOfSet, setOf, type PageRuns } from '../../kernel/page-runs.ts';
import { may } from '../../kernel/rights.ts';
import { native } from '../../native.ts';
import type { NativePageSet, OwnedMethod } from '../../native-pages.ts';
import { pageSize } from '../../units.ts';
import { closeQuietly, openSpaceFile } from '../trackers/tracked-space.ts';

const einval = -22;
/** The kernel may begin to move a page again between two looks; so often in a row it does not. */
const mostLooks = 100;

/** Whether entries of page tables are hidden from this agent. */
export function hidesPages(): boolean {
  return !may('page-frames');
}

/**
 * ownedRuns in private mappings of files of a frozen process, for whomever pages are hidden from: touches what it must.
 * @throws GodwitError SYSCALL
 */
export function touchedOwned(
  pid: number,
  pagemapFd: number,
  ranges: PageRuns,
  method: OwnedMethod,
): PageRuns | number {
  const empty = setOf();
  for (let look = 0; look < mostLooks; look++) {
    const proven = ownedRuns(pagemapFd, ranges, method, { proven: true });
    const possible = ownedRuns(pagemapFd, ranges, method);
    if (typeof proven === 'number') return proven;
    if (typeof possible === 'number') return possible;
    const hidden = setOf(possible);
    hidden.remove(proven.runs, proven.count);
    hidden.removeSet(empty);
    if (hidden.pages() === 0) return proven;
    empty.addSet(touch(pid, runsOfSet(hidden)));
  }
  throw new GodwitError('SYSCALL', `process ${pid}: the kernel moves its pages all the time`, {
    hint: 'try again when the host is less busy, or run migrate as root',
  });
}

/** Returns where nothing is: behind the end of the file. */
function touch(pid: number, { runs, count }: PageRuns): NativePageSet {
  const empty = setOf();
  const memory = openSpaceFile(pid, 'mem');
  const byte = new Uint8Array(1);
  try {
    for (let i = 0; i < count; i++) {
      const start = runs[2 * i] ?? 0;
      const end = start + (runs[2 * i + 1] ?? 0);
      for (let at = start; at < end; at += pageSize)
        if (!canRead(memory, byte, at)) empty.add(Float64Array.of(at, pageSize), 1);
    }
  } finally {
    closeQuietly(memory);
  }
  return empty;
}

function canRead(memory: number, byte: Uint8Array, address: number): boolean {
  try {
    return readSync(memory, byte, 0, 1, address) === 1;
  } catch {
    return false;
  }
}

/** Guards show by a bit of their own since Linux 6.15; before, by what is hidden. */
export function surveyHiddenGuards(): Blocker[] {
  if (may('page-frames') || native.probe('guard-regions') !== 0 || guardsShow()) return [];
  return [
    {
      side: 'source',
      object: 'guard regions (MADV_GUARD_INSTALL)',
      reason: 'this kernel has them, and only CAP_SYS_ADMIN lets godwit see whether the tree uses them',
      remedy: 'run migrate as root, or on Linux 6.15 or later',
    },
  ];
}

function guardsShow(): boolean {
  const fd = openSpaceFile(process.pid, 'pagemap');
  try {
    return setOf().addGuards(fd) !== einval;
  } finally {
    closeQuietly(fd);
  }
}

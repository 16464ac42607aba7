// Without CAP_SYS_ADMIN over the host pagemap does not show what is behind an entry of a page table that is not present: a page in
// swap space, a page that the kernel moves to another frame just now (a migration entry: compaction does that at any moment), or a
// mere note (pte_marker, linux/swapops.h: "write-protected", "given back since"). To take a note for a page is never wrong, for it reads
// as zeros, or as its file: that is what the tracker does, which leaves as few notes as it can (trackers/pagemap-scan.ts). A page that is
// taken for a note is lost.
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
 * ownedRuns of a frozen process, for whomever pages are hidden from: touches what it must. What cannot be read counts as a page:
 * a note behind the end of a file, for one, where the target goes on to have the page that the program has lost (SIGBUS).
 * @throws GodwitError SYSCALL
 */
export function touchedOwned(
  pid: number,
  pagemapFd: number,
  ranges: PageRuns,
  method: OwnedMethod,
): PageRuns | number {
  const owned = setOf();
  let asked = ranges;
  for (let look = 0; look < mostLooks; look++) {
    const proven = ownedRuns(pagemapFd, asked, method, { proven: true });
    const possible = ownedRuns(pagemapFd, asked, method);
    if (typeof proven === 'number') return proven;
    if (typeof possible === 'number') return possible;
    owned.add(proven.runs, proven.count);
    const hidden = setOf(possible);
    hidden.remove(proven.runs, proven.count);
    if (hidden.pages() === 0) return runsOfSet(owned);
    const unread = touch(pid, runsOfSet(hidden));
    owned.addSet(unread);
    hidden.removeSet(unread);
    asked = runsOfSet(hidden);
  }
  throw new GodwitError('SYSCALL', `process ${pid}: the kernel moves its pages all the time`, {
    hint: 'try again when the host is less busy, or run migrate as root',
  });
}

/** Returns what cannot be read. */
function touch(pid: number, { runs, count }: PageRuns): NativePageSet {
  const unread = setOf();
  const memory = openSpaceFile(pid, 'mem');
  const byte = new Uint8Array(1);
  try {
    for (let i = 0; i < count; i++) {
      const start = runs[2 * i] ?? 0;
      const end = start + (runs[2 * i + 1] ?? 0);
      for (let at = start; at < end; at += pageSize)
        if (!canRead(memory, byte, at)) unread.add(Float64Array.of(at, pageSize), 1);
    }
  } finally {
    closeQuietly(memory);
  }
  return unread;
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

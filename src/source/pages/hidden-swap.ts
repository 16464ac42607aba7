// Without CAP_SYS_ADMIN over the host pagemap does not show what is behind an entry of a page table that is not present: a page in swap
// space, or a note of the kernel (pte_marker, linux/swapops.h: "write-protected", "given back since"). Where nothing is swapped out all of
// them are notes. While the tree runs each may be a page, and is read, which is never wrong; in the freeze we have to know, for a
// note says that a page was given back.
import { readFileSync } from 'node:fs';
import { GodwitError } from '../../errors.ts';
import type { Blocker } from '../../images/requirements.ts';
import { readSmaps } from '../../kernel/proc/smaps.ts';
import { may } from '../../kernel/rights.ts';
import { native } from '../../native.ts';
import { setOf } from '../../kernel/page-runs.ts';
import { closeQuietly, openSpaceFile } from '../trackers/tracked-space.ts';

const einval = -22;

/** Before the first round. */
export function expectHiddenSwap(): void {
  if (!may('page-frames')) native.hiddenSwapHoldsPages(hasSwapSpace());
}

/** Preconditions: the processes are frozen, nothing was collected since. @throws GodwitError REFUSED: a part of one is swapped out */
export function settleHiddenSwap(pids: readonly number[]): void {
  if (may('page-frames')) return;
  refuseSwapped(pids);
  native.hiddenSwapHoldsPages(false);
}

/** At the end of the freeze: none was swapped out while it was read. @throws GodwitError REFUSED */
export function refuseSwapped(pids: readonly number[]): void {
  if (may('page-frames') || !hasSwapSpace()) return;
  const swapped = pids.find((pid) => readSmaps(pid)?.some(({ shared, swapKb }) => !shared && swapKb > 0));
  if (swapped === undefined) return;
  throw new GodwitError(
    'REFUSED',
    `a part of process ${swapped} is swapped out, and only CAP_SYS_ADMIN lets godwit see which`,
    { hint: 'try again when memory is free, or run migrate as root' },
  );
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

function hasSwapSpace(): boolean {
  return /^SwapTotal:\s+0 kB$/m.exec(readFileSync('/proc/meminfo', 'latin1')) === null;
}

// What every dirty-page tracker can do, for one address space. Trackers differ in how they find writes; what they report
// means the same, and one compliance suite (test/compliance) holds them to it.
//
//   arm ── collect ── send ── collect ── send ── ... ── (freeze) ── collect frozen ── send ── disarm
//
// Shared memory is no tracker's business: it changes without a trace in this address space (pages/shared-objects.ts).
import type { Vma } from '../../kernel/proc/maps.ts';
import type { NativePageSet } from '../../native-pages.ts';
import type { PageRuns } from '../../kernel/page-runs.ts';

export const trackerKinds = ['pagemap-scan', 'soft-dirty', 'compare'] as const;
export type TrackerKind = (typeof trackerKinds)[number];

/** Pages of private mappings that the target has not, or has with another content. Runs are ascending. */
export interface DirtyPages extends PageRuns {
  readonly pages: number;
  /** What the process does not own: what the target has of that is stale. Nothing when the process was replaced. */
  readonly gone: GonePages;
  /** Mappings that cannot be tracked. Their pages come, all of them, with the frozen collection only. */
  readonly untracked: readonly Vma[];
  /** Bytes that these hold now. */
  readonly owed: number;
  /** Something was written outside the mappings given: read maps again soon. It is not lost, it comes next time. */
  readonly outside: boolean;
  /** The process has executed another program. Nothing else here counts: disarm, and start over with a new tracker. */
  readonly replaced: boolean;
}

/**
 * Trackers that see every touch say which pages were touched and are not the process's own (given back, or never taken), as a
 * set; in `ranges`, which are new to the tracker, everything that was not collected is gone. Others say what is owned.
 *
 * Both are as they were when the pages were collected, and that must be so: khugepaged puts huge pages, filled up with zeros,
 * in the place of pages that were given back, whenever it likes, also in a frozen process (Linux 6.18, mm/khugepaged.c:
 * max_ptes_none). A page that looks owned later may therefore be stale all the same.
 */
export type GonePages =
  | { readonly set: NativePageSet; readonly ranges: PageRuns; readonly owned?: never }
  | { readonly owned: NativePageSet; readonly set?: never; readonly ranges?: never };

export interface Collection {
  readonly frozen: boolean;
  /** A look ahead: nothing changes, and the process runs. */
  readonly ahead?: boolean;
}

export interface Tracker {
  readonly kind: TrackerKind;
  /** /proc/PID/pagemap of this address space, until disarm. */
  readonly pagemapFd: number;

  /** From now on writes are seen; all present pages count as dirty until the first collection. */
  arm(vmas: readonly Vma[]): void;
  /**
   * What is dirty now in the mappings, which are a fresh reading of maps. Not frozen: from here on those pages count as
   * clean, and must be read after this call. Frozen: nothing changes, so it may also serve as a look ahead, at a process that runs.
   * @throws GodwitError NO_PROCESS
   */
  collect(vmas: readonly Vma[], how: Collection): DirtyPages;
  /** The target has dropped these pages: what is there must come again, written or not. */
  forget(pages: PageRuns): void;
  /**
   * What was sent, for trackers that compare with it: the pages in `payload`, one after the other, or all zero without it.
   * Must be told before the next collection.
   */
  sent(pages: PageRuns, payload: Uint8Array | undefined): void;
  /** Leaves no trace in the process. Never throws. */
  disarm(): void;
}

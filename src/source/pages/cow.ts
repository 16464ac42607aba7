// Memory that a child shares with its parent by copy-on-write and that therefore need not be sent for it: the child's
// shell is cloned from the parent's and inherits it (design decision 4). Found by equal page frames.
//
// Why an equal frame is proof. Let both trackers be armed, and let the order be
//     (1) the child's collection that protects    (2) the frames of both    (3) a look ahead in the parent    (4) the frames again
// and let a page of the child be skipped if in (2) and (4) both map frame F there, and (3) does not report it for the parent.
// - The parent has not touched its page since the collection whose pages the target has (else 3 reports it), so the target's
//   content of the parent's page is the content of F, whatever F was used for earlier. Reuse of frames between two looks,
//   or pages merged by KSM, cannot fool this, because only one look at frames is taken and the rest is the trackers' word.
// - A page that the parent has written and unmapped in between no look ahead reports: it is not mapped any more, or by a mapping that
//   is not looked at yet. But it has another frame then, for the child holds F: that is what (4) is for.
// - Unless the target has yet to drop it: a page that was given back may be the process's own again without a write. Where a
//   kernel has no shared page of zeros (pvm_no_zero_page), a read makes a page that is still write-protected and unreported.
//   What is stale is therefore not inherited.
// - F does not change while both map it: whoever writes first gets a copy and keeps the other on F.
// - If the child loses F or writes it after (1), its own tracker reports that page in its next collection: it is sent then.
// - What changes in the parent after (3) is on its way in a later round. Therefore the precondition: the child's shell is cloned
//   from the parent's shell when the round before (3) is written there whole, and nothing of a later round.
import type { Vma } from '../../kernel/proc/maps.ts';
import { carriedRanges } from '../trackers/tracked-space.ts';
import type { DirtyPages, Tracker } from '../trackers/tracker.ts';
import { intersection, runsInside, runsOfSet, sameFrames, setOf } from '../../kernel/page-runs.ts';
import type { PageRuns } from '../../kernel/page-runs.ts';
import type { NativePageSet } from '../../native-pages.ts';
import type { TargetPages } from './target-pages.ts';

export interface CowParent {
  readonly tracker: Tracker;
  /** A fresh reading of its maps. */
  readonly vmas: readonly Vma[];
  readonly onTarget: TargetPages;
}

export interface CowShare {
  /** Not to be sent: they come with the clone. */
  readonly inherited: PageRuns;
  /** The child's other pages, to be sent after the clone. */
  readonly rest: PageRuns;
}

/**
 * Splits the child's first collection. Preconditions as above; `dirty` is that collection, and nothing was sent of it.
 * Without CAP_SYS_ADMIN frames are hidden and nothing is inherited. The child's TargetPages.inherit comes after it.
 */
export function inheritedPages(parent: CowParent, child: Tracker, dirty: DirtyPages): CowShare {
  const nothing: CowShare = { inherited: { runs: new Float64Array(0), count: 0 }, rest: dirty };
  const same = sameFrames(parent.tracker.pagemapFd, child.pagemapFd, dirty);
  if (typeof same === 'number') return nothing; // one of them is gone: its next collection says so
  const ahead = parent.tracker.collect(parent.vmas, { frozen: true, ahead: true });
  if (ahead.replaced) return nothing;
  // Outside the mappings given the look ahead tells nothing.
  const here = parent.onTarget.current(intersection(same, carriedRanges(parent.vmas).all));
  const unwritten = runsOfSet(unreported(here, ahead));
  const inherited = sameFrames(parent.tracker.pagemapFd, child.pagemapFd, unwritten);
  if (typeof inherited === 'number') return nothing;
  const rest = setOf(dirty);
  rest.remove(inherited.runs, inherited.count);
  return { inherited, rest: runsInside(rest, dirty) };
}

/** Those of the pages that were neither written nor given back, by the word of a look ahead. */
export function unreported(pages: PageRuns, ahead: DirtyPages): NativePageSet {
  const { set, ranges, owned } = ahead.gone;
  const left = setOf(owned === undefined ? pages : runsInside(owned, pages));
  left.remove(ahead.runs, ahead.count);
  if (set !== undefined) {
    left.removeSet(set);
    left.remove(ranges.runs, ranges.count);
  }
  return left;
}

// Memory that children share among themselves by copy-on-write and with their parent no more: what the parent has written since it
// bore them. One of them lends its pages: they go into the parent's shell before the others are cloned from it, so that all of them
// inherit them. The parent's own pages there come again with its next collection.
//
//     parent's shell   [ the parent's pages    ] <- pages of the lender      then: clone, clone, clone ... and in the next round
//     children                                      inherited by all         [ the parent's pages ], which leaves theirs alone
//
// Why an equal frame is proof: the argument of cow.ts with the lender in the place of the parent. The order is
//     (1) the collections of all siblings, which protect    (2) the frames of the lender and of the others
//     (3) the lender's pages are read and sent              (4) a look ahead in the lender
//     (5) the frames once more: what was unmapped since (1) no look ahead reports
// and a page counts as lent to whom has it in (2) and (5), if (4) does not report it.
import { intersection, noRuns, pagesIn, runsOfSet, sameFrames, setOf } from '../../kernel/page-runs.ts';
import type { PageRuns } from '../../kernel/page-runs.ts';
import type { Vma } from '../../kernel/proc/maps.ts';
import type { DirtyPages, Tracker } from '../trackers/tracker.ts';
import { unreported, type CowShare } from './cow.ts';

/** A child that was just collected for the first time, and what it inherits. */
export interface Sibling extends CowShare {
  readonly tracker: Tracker;
  readonly vmas: readonly Vma[];
}

/** By index among the siblings. */
export interface Loan {
  readonly lender: number;
  /** Ascending. */
  readonly pages: PageRuns;
  /** What each of the others has of them. */
  readonly shared: ReadonlyMap<number, PageRuns>;
}

/** A loan costs the parent's pages once more: it takes two others on average who have it, and 1 MiB. */
const leastOthers = 2;
const leastPages = 256;

/** `held`: those of the pages that the parent's shell has, in mappings of its own. Undefined: it is not worth it, or frames are hidden. */
export function planLoan(
  siblings: readonly Sibling[],
  held: (pages: PageRuns) => PageRuns,
): Loan | undefined {
  if (siblings.length <= leastOthers) return undefined;
  const sizes = siblings.map(({ rest }) => pagesIn(rest));
  const lender = sizes.indexOf(Math.max(...sizes));
  const from = siblings[lender];
  if (from === undefined || (sizes[lender] ?? 0) < leastPages) return undefined;
  if (from.tracker.kind === 'compare') return undefined; // it tells writes by what it has sent itself
  // Who has a page from the parent must find the parent's content there.
  const offered = setOf(held(from.rest));
  for (const { inherited } of siblings) offered.remove(inherited.runs, inherited.count);
  const offer = runsOfSet(offered);
  const shared = new Map<number, PageRuns>();
  for (const [index, { tracker, rest }] of siblings.entries()) {
    if (index === lender) continue;
    const same = sameFrames(from.tracker.pagemapFd, tracker.pagemapFd, intersection(offer, rest));
    if (typeof same !== 'number' && same.count > 0) shared.set(index, same);
  }
  const pages = runsOfSet(setOf(...shared.values()));
  const uses = [...shared.values()].reduce((sum, runs) => sum + pagesIn(runs), 0);
  const isWorthIt = pagesIn(pages) >= leastPages && uses >= leastOthers * pagesIn(pages);
  return isWorthIt ? { lender, pages, shared } : undefined;
}

/** (5): what of the lent pages both still map. */
export function stillShared(lender: Sibling, other: Sibling, lent: PageRuns): PageRuns {
  const same = sameFrames(lender.tracker.pagemapFd, other.tracker.pagemapFd, lent);
  return typeof same === 'number' ? noRuns : same; // one of them is gone
}

/** Those of the sent pages that the lender has neither written nor given back; `ahead`: the look (4). */
export function lentPages(sent: PageRuns, ahead: DirtyPages): PageRuns {
  return ahead.replaced ? noRuns : runsOfSet(unreported(sent, ahead));
}

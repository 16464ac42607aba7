// Which pages of one address space the target holds, as far as the agent knows: never less than what is true. In the freeze
// it tells which of them are stale: given back by the process (MADV_DONTNEED, munmap and mmap again) since they were sent.
//
// A page that is given back leaves an empty entry in its page table, which the tracker reports (`gone`): it is stale until it is
// reported as dirty, whatever it looks like later (see GonePages). With trackers that see touches a whole table can go too (a huge
// page, 2 MiB given back at once), which shows in one look at each 2 MiB block that the target has pages of; and in private
// mappings of files it shows nowhere, as the kernel leaves a marker that keeps the write protection
// (zap_install_uffd_wp_if_needed): all pages there are looked at.
import type { Vma } from '../../kernel/proc/maps.ts';
import { ownedMethod, type OwnedMethod } from '../../native-pages.ts';
import { touchedOwned } from './hidden-pages.ts';
import { carriedRanges } from '../trackers/tracked-space.ts';
import type { CarriedRanges } from '../trackers/tracked-space.ts';
import type { NativePageSet } from '../../native-pages.ts';
import type { DirtyPages } from '../trackers/tracker.ts';
import { noRuns, ownedRuns, runsInside, runsOfSet, setOf, unbackedRuns } from '../../kernel/page-runs.ts';
import type { PageRuns } from '../../kernel/page-runs.ts';

export class TargetPages {
  readonly #held = setOf();
  /** What is stale, and pages that the target never had. */
  readonly #stale = setOf();
  /** The tracker may overlook what was given back. */
  #overlooks = false;

  get pages(): number {
    return this.#held.pages();
  }

  /** The pages among these that the target holds with what the process had when they were last collected. */
  current(ranges: PageRuns): PageRuns {
    const current = setOf(runsInside(this.#held, ranges));
    current.removeSet(this.#stale);
    return runsOfSet(current);
  }

  /** To be told of each collection of the tracker, before its pages are sent. */
  collected(dirty: DirtyPages): void {
    const { set, ranges, owned } = dirty.gone;
    this.#overlooks = owned === undefined;
    if (owned === undefined) {
      this.#stale.addSet(set);
      const held = runsInside(this.#held, ranges);
      this.#stale.add(held.runs, held.count);
    } else {
      const notOwned = setOf();
      notOwned.addSet(this.#held);
      notOwned.removeSet(owned);
      this.#stale.addSet(notOwned);
    }
    this.#stale.remove(dirty.runs, dirty.count);
  }

  /** The freeze will ask what is `stale`: part of the answer is looked for while other things are done. Preconditions: as for that. */
  lookForStale(pagemapFd: number): void {
    if (this.#overlooks) this.#held.beginUnbacked(pagemapFd);
  }

  sent({ runs, count }: PageRuns): void {
    this.#held.add(runs, count);
  }

  /** The shell was cloned from this one's: it begins with its pages, and what the child does not own of them is stale. */
  inherit(parent: TargetPages, childOwns: PageRuns): void {
    this.#held.addSet(parent.#held);
    this.#stale.addSet(parent.#held);
    this.#stale.remove(childOwns.runs, childOwns.count);
  }

  /** The target has dropped these, with the mappings they were in. */
  dropped({ runs, count }: PageRuns): void {
    this.#held.remove(runs, count);
  }

  /**
   * What the target must give back by MADV_DONTNEED in the mappings. Preconditions: the process is frozen, its frozen collection
   * was told. `everywhere` does not trust the tracker's reports (3 ms for each GiB). Returns negative errno: the space is gone.
   */
  stale(pagemapFd: number, vmas: readonly Vma[], how: StaleSearch): PageRuns | number {
    const carried = carriedRanges(vmas);
    const overlooked = this.#overlooked(pagemapFd, carried, how);
    if (typeof overlooked === 'number') return overlooked;
    return runsInside(setOf(runsInside(this.#held, runsOfSet(this.#stale)), overlooked), carried.all);
  }

  /** What is stale and was never reported. */
  #overlooked(pagemapFd: number, carried: CarriedRanges, how: StaleSearch): PageRuns | number {
    const candidates = how.everywhere ? this.#held : this.#blindSpots(pagemapFd, carried.file);
    if (typeof candidates === 'number') return candidates;
    const stale = setOf(runsInside(candidates, carried.all));
    const kinds = [
      { ranges: carried.anonymous, method: how.scans ? ownedMethod.scanAnonymous : ownedMethod.classic },
      { ranges: carried.file, method: how.scans ? ownedMethod.scanFile : ownedMethod.classic },
    ];
    for (const { ranges, method } of kinds) {
      const inside = runsInside(stale, ranges);
      const owned = inside.count === 0 ? noRuns : ownedInside(pagemapFd, inside, method, how);
      if (typeof owned === 'number') return owned;
      stale.remove(owned.runs, owned.count);
    }
    return runsOfSet(stale);
  }

  #blindSpots(pagemapFd: number, files: PageRuns): NativePageSet | number {
    if (!this.#overlooks) return setOf();
    const unbacked = unbackedRuns(this.#held, pagemapFd);
    return typeof unbacked === 'number' ? unbacked : setOf(unbacked, runsInside(this.#held, files));
  }
}

function ownedInside(
  pagemapFd: number,
  ranges: PageRuns,
  method: OwnedMethod,
  { touches }: StaleSearch,
): PageRuns | number {
  if (touches === undefined) return ownedRuns(pagemapFd, ranges, method);
  return touchedOwned(touches, pagemapFd, ranges, method);
}

export interface StaleSearch {
  readonly everywhere: boolean;
  /** PAGEMAP_SCAN may be used (Linux 6.7); else the classic pagemap. */
  readonly scans: boolean;
  /** The process, where its pages are hidden from us (hidden-pages.ts): those in question are touched. */
  readonly touches?: number | undefined;
}

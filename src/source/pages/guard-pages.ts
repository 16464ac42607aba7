// Guard regions of one address space (MADV_GUARD_INSTALL, Linux 6.13): entries of the page tables that end whoever touches them by
// SIGSEGV. They have no content and show in no mapping; glibc protects the stacks of threads by them since 2.42.
//
// To look through all page tables takes 3.6 ms for each GiB. A tracker that sees every touch reports a guard that was put up or
// taken down like any page that was given back, so only what it reports is looked at; with the others all is, in the freeze.
import type { Vma } from '../../kernel/proc/maps.ts';
import { noRuns, runsInside, runsOf, runsOfSet, setOf } from '../../kernel/page-runs.ts';
import type { PageRuns } from '../../kernel/page-runs.ts';
import { native } from '../../native.ts';
import { unlessGone } from '../resources/unless-gone.ts';
import { carriedRanges, closeQuietly, openSpaceFile } from '../trackers/tracked-space.ts';
import type { DirtyPages } from '../trackers/tracker.ts';

const einval = -22;
let known: boolean | undefined;

/** Whether this kernel has guard regions at all. */
function areKnown(): boolean {
  known ??= native.probe('guard-regions') === 0;
  return known;
}

export class GuardPages {
  readonly #guards = setOf();

  /** To be told of each collection of the tracker. A failure shows in the next look at the space: it is gone. */
  collected(pagemapFd: number, vmas: readonly Vma[], dirty: DirtyPages, frozen: boolean): void {
    if (!areKnown() || dirty.replaced) return;
    const { set } = dirty.gone;
    if (set === undefined) {
      if (frozen) this.#lookEverywhere(pagemapFd, vmas);
      return;
    }
    this.#guards.remove(dirty.runs, dirty.count);
    this.#guards.removeSet(set);
    const candidates = [runsOfSet(set), frozen ? runsOf(dirty.untracked) : noRuns];
    for (const { runs, count } of candidates) this.#guards.addGuardWords(pagemapFd, runs, count);
  }

  /** Those in the mappings whose pages travel. Preconditions: the frozen collection was told. */
  in(vmas: readonly Vma[]): PageRuns {
    return runsInside(this.#guards, carriedRanges(vmas).all);
  }

  #lookEverywhere(pagemapFd: number, vmas: readonly Vma[]): void {
    this.#guards.clear();
    if (this.#guards.addGuards(pagemapFd) !== einval) return;
    const { runs, count } = carriedRanges(vmas).all;
    this.#guards.addGuardWords(pagemapFd, runs, count);
  }
}

/**
 * Shared mappings that have guards (Linux 6.15): no tracker sees what becomes of those. Looks through the page tables of a process that
 * may run, and end meanwhile. Empty then, and where the kernel does not tell.
 */
export function sharedWithGuards<T extends Vma>(pid: number, vmas: readonly T[]): ReadonlySet<T> {
  const shared = vmas.filter((vma) => vma.shared);
  if (shared.length === 0 || !areKnown()) return new Set();
  const guards = setOf();
  const fd = unlessGone(() => openSpaceFile(pid, 'pagemap'));
  if (fd === undefined) return new Set();
  try {
    guards.addGuards(fd);
  } finally {
    closeQuietly(fd);
  }
  return new Set(
    guards.pages() === 0 ? [] : shared.filter((vma) => runsInside(guards, runsOf([vma])).count > 0),
  );
}

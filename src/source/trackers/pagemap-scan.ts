// Tracking by a userfaultfd in asynchronous write-protect mode and PAGEMAP_SCAN (Linux 6.7): the kernel notes the first
// write to each page, the process never waits. Closing the descriptor, also by the agent's death, takes it all back.
import { GodwitError } from '../../errors.ts';
import { errnoName } from '../../kernel/program.ts';
import type { Vma } from '../../kernel/proc/maps.ts';
import { readResidentPages } from '../../kernel/proc/statm.ts';
import { native } from '../../native.ts';
import { ownedMethod } from '../../native-pages.ts';
import type { NativePageSet, OwnedMethod } from '../../native-pages.ts';
import { intersection, noRuns, ownedRuns, runsInside, runsOfSet, setOf } from '../../kernel/page-runs.ts';
import type { PageRuns } from '../../kernel/page-runs.ts';
import { isLinux } from '../../kernel/release.ts';
import { isHuge, zeroHugePages } from '../pages/huge-pages.ts';
import { hidesPages } from '../pages/hidden-pages.ts';
import { stretchesOf } from './stretches.ts';
import { SeenMappings } from './seen-mappings.ts';
import type { Collection, DirtyPages, Tracker } from './tracker.ts';
import {
  carriedRanges,
  closeQuietly,
  dirtyPages,
  isSpaceAlive,
  mappedRanges,
  gone,
  openSpaceFile,
  spaceEnded,
} from './tracked-space.ts';
import type { CarriedRanges } from './tracked-space.ts';

/** UFFD_FEATURE_WP_UNPOPULATED (6.4) and UFFD_FEATURE_WP_ASYNC (6.7), linux/userfaultfd.h. */
const features = (1 << 13) | (1 << 15);
/** Before, mremap carried write protection along (linux commit 0cef0bb836e3). */
const clears = !isLinux(6, 13);
const esrch = -3;
/** So many pages are walked over in the time that a look at one run takes. */
const pagesPerLook = 250;

/** Gets a userfaultfd of the process as a descriptor of the agent, or a negative errno. */
export type ObtainUserfaultfd = () => number;

export class PagemapScanTracker implements Tracker {
  readonly kind = 'pagemap-scan';
  readonly pid: number;
  readonly pagemapFd: number;
  readonly #uffd: number;
  readonly #seen = new SeenMappings();
  /** Reported where no mapping was known, or asked for again. */
  #pending = new native.PageSet();
  #isFirst = true;

  /** Preconditions: those of `obtain`. Nothing is tracked yet. @throws GodwitError UNSUPPORTED, NO_PROCESS */
  constructor(pid: number, obtain: ObtainUserfaultfd) {
    this.pid = pid;
    this.pagemapFd = openSpaceFile(pid, 'pagemap');
    this.#uffd = obtain();
    const result = this.#uffd < 0 ? this.#uffd : native.uffdApi(this.#uffd, features);
    if (result >= 0) return;
    this.disarm();
    if (errnoName(result) === 'ESRCH') throw gone(pid);
    const message = `the kernel does not track writes of process ${pid} by userfaultfd: ${errnoName(result)}`;
    throw new GodwitError('UNSUPPORTED', message, { hint: 'choose --tracker soft-dirty or compare' });
  }

  arm(vmas: readonly Vma[]): void {
    const refused = this.#register(vmas, carriedRanges(vmas));
    this.#isFirst = false;
    if (typeof refused === 'number') this.#ended(refused); // the next collection says the same
  }

  collect(vmas: readonly Vma[], how: Collection): DirtyPages {
    const { frozen } = how;
    const carried = carriedRanges(vmas);
    this.#seen.look(carried.vmas);
    const untracked = this.#register(vmas, carried);
    if (typeof untracked === 'number') return this.#ended(untracked);
    const touched = setOf();
    const scanned = this.#scan(touched, carried, untracked, how);
    if (scanned < 0) return this.#ended(scanned);
    touched.addSet(this.#pending);
    const whole = this.#seen.ranges(frozen ? untracked : []);
    const owned = this.#owned(touched, whole, carried, frozen);
    if (typeof owned === 'number') return this.#ended(owned);
    const zeros = frozen ? this.#unseenZeros(owned, carried) : noRuns;
    if (typeof zeros === 'number') return this.#ended(zeros);
    addRuns(owned, zeros);
    // PAGEMAP_SCAN of an address space that is gone succeeds and reports nothing (Linux 6.18).
    if (!isSpaceAlive(this.pagemapFd)) return this.#ended(esrch);

    const gone = setOf(runsInside(touched, carried.all));
    gone.removeSet(owned);
    const known = mappedRanges(vmas);
    touched.remove(known.runs, known.count);
    if (!frozen) {
      this.#pending = touched;
      this.#seen.settle();
    }
    const outside = touched.pages() > 0;
    return dirtyPages(runsOfSet(owned), { set: gone, ranges: whole }, { untracked, outside });
  }

  forget({ runs, count }: PageRuns): void {
    this.#pending.add(runs, count);
  }

  sent(): void {
    // What was sent does not matter here: writes are seen, not contents.
  }

  disarm(): void {
    closeQuietly(this.#uffd);
    closeQuietly(this.pagemapFd);
  }

  /** Registers what is not yet; returns what the kernel refuses to track, or a negative errno. */
  #register(all: readonly Vma[], { vmas, all: { runs } }: CarriedRanges): readonly Vma[] | number {
    const count = vmas.length;
    const status = new Int32Array(count);
    const stretches = stretchesOf(all);
    const { pagemapFd } = this;
    const result = native.uffdRegisterNew(
      this.#uffd,
      pagemapFd,
      runs,
      stretches,
      count,
      this.#isFirst,
      clears,
      status,
    );
    if (result < 0) return result;
    this.#seen.add(vmas.filter((_, i) => status[i] === 1));
    return vmas.filter((_, i) => (status[i] ?? 0) < 0);
  }

  /** What was written, which is protected again unless frozen. While the process runs one scan over everything: by mapping reports would get lost. */
  #scan(touched: NativePageSet, { all }: CarriedRanges, untracked: readonly Vma[], how: Collection): number {
    if (how.frozen && how.ahead !== true)
      return touched.addWrittenInside(this.pagemapFd, all.runs, all.count);
    if (how.frozen || !hidesPages()) return touched.addWritten(this.pagemapFd, !how.frozen);
    // Protecting what is empty leaves a note there, and whoever cannot tell notes from pages would read each of them. What is
    // empty is found by a second scan, which may report pages that were written in between, and will again.
    const protecting = touched.protectWrittenPages(this.pagemapFd);
    if (protecting < 0) return protecting;
    const empty = setOf();
    const scanned = empty.addWritten(this.pagemapFd, false);
    if (scanned < 0) return scanned;
    const refused = mappedRanges(untracked);
    empty.remove(refused.runs, refused.count);
    addRuns(touched, runsInside(empty, all));
    return 0;
  }

  /** Which of the touched pages, and of the whole ranges, are the process's own. Only there it is worth asking for more. */
  #owned(
    touched: NativePageSet,
    whole: PageRuns,
    carried: CarriedRanges,
    frozen: boolean,
  ): NativePageSet | number {
    const owned = setOf();
    // Nothing changes any more: one walk over all that is written tells as much as a look at each page of it, and sooner where much is.
    const walks = frozen && this.#isMuch(runsInside(touched, carried.anonymous));
    const written = walks ? setOf() : undefined;
    const walked = written?.addWrittenOwned(this.pagemapFd) ?? 0;
    if (walked < 0) return walked;
    const anonymous = written === undefined ? touched : this.#pending;
    if (written !== undefined) addRuns(owned, runsInside(written, carried.anonymous));
    const looks: [candidates: PageRuns, method: OwnedMethod][] = [
      [runsInside(anonymous, carried.anonymous), ownedMethod.scanAnonymous],
      [intersection(whole, carried.anonymous), ownedMethod.scanAnonymous],
      [runsInside(touched, carried.file), ownedMethod.scanFile],
      [intersection(whole, carried.file), ownedMethod.scanFile],
    ];
    for (const [candidates, method] of looks) {
      const { runs, count } = candidates;
      const looked = count === 0 ? 0 : owned.addOwned(this.pagemapFd, runs, count, method);
      if (looked < 0) return looked;
    }
    return owned;
  }

  /** A walk takes 3 to 8 ns for each resident page, a look 0.8 us for each run (8 GiB of 4 KiB pages, Linux 6.18). */
  #isMuch({ count }: PageRuns): boolean {
    return count > 0 && count * pagesPerLook >= (readResidentPages(this.pid) ?? 0);
  }

  /** Of reserved huge pages: those that may have been given back and read since, which no scan tells. */
  #unseenZeros(reported: NativePageSet, { huge, vmas }: CarriedRanges): PageRuns | number {
    if (huge.count === 0) return noRuns;
    const present = ownedRuns(this.pagemapFd, huge, ownedMethod.scanFile);
    if (typeof present === 'number') return present;
    const unseen = setOf(present);
    unseen.removeSet(reported);
    return zeroHugePages(this.pid, vmas.filter(isHuge), runsOfSet(unseen));
  }

  #ended(errno: number): DirtyPages {
    return spaceEnded(this.pid, this.pagemapFd, errno);
  }
}

function addRuns(set: NativePageSet, { runs, count }: PageRuns): void {
  set.add(runs, count);
}

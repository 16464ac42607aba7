// Tracking by content: every page is read and hashed each time, and compared with the hash of what was sent last. Works on any
// kernel, needs nothing in the process, costs a reading of all memory. The hash kept is of what was *sent*, not of what a
// collection saw: a page that changes for the time of the sending, and back, would look clean for ever.
import type { Vma } from '../../kernel/proc/maps.ts';
import { native } from '../../native.ts';
import { ownedMethod, pageReadField } from '../../native-pages.ts';
import { pageSize } from '../../units.ts';
import { alignedBuffer } from '../../kernel/aligned-memory.ts';
import { ownedRuns, runsOfSet, setOf } from '../../kernel/page-runs.ts';
import type { PageRuns } from '../../kernel/page-runs.ts';
import { PageHashes } from './page-hashes.ts';
import { SeenMappings } from './seen-mappings.ts';
import type { DirtyPages, Tracker } from './tracker.ts';
import {
  carriedRanges,
  closeQuietly,
  dirtyPages,
  isSpaceAlive,
  openSpaceFile,
  spaceEnded,
} from './tracked-space.ts';
import type { CarriedRanges } from './tracked-space.ts';

const blockLength = 1024 * 1024;
const blockPages = blockLength / pageSize;
const esrch = -3;

export class CompareTracker implements Tracker {
  readonly kind = 'compare';
  readonly pid: number;
  readonly pagemapFd: number;
  readonly #memFd: number;
  readonly #scans: boolean;
  readonly #hashes = new PageHashes();
  readonly #seen = new SeenMappings();

  /** `scans`: PAGEMAP_SCAN may be used to find present pages; else the classic pagemap, which needs CAP_SYS_ADMIN. */
  constructor(pid: number, options: { readonly scans: boolean }) {
    this.pid = pid;
    this.pagemapFd = openSpaceFile(pid, 'pagemap');
    this.#memFd = openSpaceFile(pid, 'mem');
    this.#scans = options.scans;
  }

  arm(): void {
    // Nothing is needed in the process, and nothing was sent yet.
  }

  collect(vmas: readonly Vma[]): DirtyPages {
    const carried = carriedRanges(vmas);
    this.#seen.look(carried.vmas);
    this.#hashes.forget(this.#seen.ranges());
    this.#seen.settle();
    const owned = this.#owned(carried);
    if (typeof owned === 'number') return spaceEnded(this.pid, this.pagemapFd, owned);
    this.#hashes.keepOnly(owned);
    const changed = this.#changed(owned);
    if (typeof changed === 'number') return spaceEnded(this.pid, this.pagemapFd, changed);
    return dirtyPages(changed, { owned: setOf(owned) });
  }

  forget(pages: PageRuns): void {
    this.#hashes.forget(pages);
  }

  sent(pages: PageRuns, payload: Uint8Array | undefined): void {
    this.#hashes.note(pages, payload);
  }

  disarm(): void {
    closeQuietly(this.pagemapFd);
    closeQuietly(this.#memFd);
  }

  #owned({ all, anonymous, file }: CarriedRanges): PageRuns | number {
    if (!this.#scans) return ownedRuns(this.pagemapFd, all, ownedMethod.classic);
    const a = ownedRuns(this.pagemapFd, anonymous, ownedMethod.scanAnonymous);
    const b = ownedRuns(this.pagemapFd, file, ownedMethod.scanFile);
    if (typeof a === 'number' || typeof b === 'number') return typeof a === 'number' ? a : b;
    return runsOfSet(setOf(a, b));
  }

  #changed(owned: PageRuns): PageRuns | number {
    const changed = setOf();
    const payload = alignedBuffer(blockLength);
    const cursor = new Float64Array(2);
    const kept = new Float64Array(2 * blockPages);
    const zero = new Float64Array(2 * blockPages);
    const result = new Float64Array(5);
    while ((cursor[0] ?? 0) < owned.count) {
      const { runs, count } = owned;
      const error = native.readPages(
        this.pid,
        this.#memFd,
        this.pagemapFd,
        runs,
        count,
        cursor,
        payload,
        kept,
        zero,
        result,
      );
      if (error < 0) return error;
      const keptRuns = { runs: kept, count: result[pageReadField.keptRuns] ?? 0 };
      const zeroRuns = { runs: zero, count: result[pageReadField.zeroRuns] ?? 0 };
      this.#hashes.addDifferent(keptRuns, payload.subarray(0, result[pageReadField.payload]), changed);
      this.#hashes.addDifferent(zeroRuns, undefined, changed);
    }
    // After exec the reading above saw another program.
    return isSpaceAlive(this.pagemapFd) ? runsOfSet(changed) : esrch;
  }
}

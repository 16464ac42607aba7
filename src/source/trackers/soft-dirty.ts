// Tracking by the kernel's soft-dirty bits: /proc/PID/clear_refs and bit 55 of /proc/PID/pagemap. Reading and clearing are
// two steps, so the process is stopped in between. On kernels without it the write to clear_refs succeeds and nothing is
// ever dirty: only a real round trip (choose.ts) may pick this tracker. Needs CAP_SYS_ADMIN to tell zero pages.
import { closeSync, openSync, writeSync } from 'node:fs';
import { GodwitError } from '../../errors.ts';
import { readMaps } from '../../kernel/proc/maps.ts';
import type { Vma } from '../../kernel/proc/maps.ts';
import type { NativePageSet } from '../../native-pages.ts';
import { pagesIn, runsInside, runsOfSet, setOf } from '../../kernel/page-runs.ts';
import type { PageRuns } from '../../kernel/page-runs.ts';
import { pageSize } from '../../units.ts';
import { isHuge } from '../pages/huge-pages.ts';
import { SeenMappings } from './seen-mappings.ts';
import type { Collection, DirtyPages, Tracker } from './tracker.ts';
import {
  carriedRanges,
  closeQuietly,
  dirtyPages,
  isSpaceAlive,
  mappedRanges,
  openSpaceFile,
  spaceEnded,
} from './tracked-space.ts';

/** Runs `look` while every thread of the process is stopped. */
export type WhileStopped = (look: () => void) => void;

/** Clears the soft-dirty bits of all pages (Documentation/admin-guide/mm/soft-dirty.rst). */
const clearSoftDirty = '4';
const esrch = -3;

interface Found {
  readonly dirty: NativePageSet;
  readonly owned: NativePageSet;
}

export class SoftDirtyTracker implements Tracker {
  readonly kind = 'soft-dirty';
  readonly pid: number;
  readonly pagemapFd: number;
  readonly #whileStopped: WhileStopped;
  readonly #seen = new SeenMappings();
  #again = setOf();

  constructor(pid: number, whileStopped: WhileStopped) {
    this.pid = pid;
    this.pagemapFd = openSpaceFile(pid, 'pagemap');
    this.#whileStopped = whileStopped;
  }

  arm(): void {
    // The first collection sends all that is present, and is the first to clear.
  }

  collect(vmas: readonly Vma[], { frozen }: Collection): DirtyPages {
    const { all, huge, vmas: carried } = carriedRanges(vmas);
    this.#seen.look(carried);
    const found = frozen ? this.#read(all) : this.#stopReadAndClear();
    if (typeof found === 'number') return spaceEnded(this.pid, this.pagemapFd, found);
    const { dirty, owned } = found;
    const untracked = carried.filter(isHuge);
    const whole = runsInside(owned, huge);
    if (frozen) dirty.add(whole.runs, whole.count);
    else dirty.remove(huge.runs, huge.count);
    const inside = runsInside(dirty, all);
    if (frozen) return dirtyPages(inside, { owned }, { untracked });
    // Clearing is for all mappings, also those born after the caller read maps: what they hold comes next time.
    const known = mappedRanges(vmas);
    dirty.remove(known.runs, known.count);
    this.#again = dirty;
    this.#seen.settle();
    return dirtyPages(
      inside,
      { owned },
      { untracked, owed: pagesIn(whole) * pageSize, outside: dirty.pages() > 0 },
    );
  }

  forget({ runs, count }: PageRuns): void {
    this.#again.add(runs, count);
  }

  sent(): void {
    // What was sent does not matter here: writes are seen, not contents.
  }

  disarm(): void {
    closeQuietly(this.pagemapFd);
  }

  #stopReadAndClear(): Found | number {
    let found: Found | number = esrch;
    this.#whileStopped(() => {
      found = this.#readAndClear();
    });
    return found;
  }

  /** Preconditions: the process is stopped. Dirty pages of all its mappings as they are now. */
  #readAndClear(): Found | number {
    const found = this.#read(carriedRanges(readMaps(this.pid) ?? []).all);
    if (typeof found === 'number') return found;
    if (!isSpaceAlive(this.pagemapFd)) return esrch; // after exec these would be another program's bits
    const fd = openClearRefs(this.pid);
    try {
      writeSync(fd, clearSoftDirty);
    } finally {
      closeSync(fd);
    }
    return found;
  }

  #read(all: PageRuns): Found | number {
    const found: Found = { dirty: setOf(), owned: setOf() };
    const error = found.owned.addOwnedWords(this.pagemapFd, all.runs, all.count, found.dirty);
    if (error < 0) return error;
    for (const wanted of [this.#seen.ranges(), runsOfSet(this.#again)]) {
      const { runs, count } = runsInside(found.owned, wanted);
      found.dirty.add(runs, count);
    }
    return found;
  }
}

function openClearRefs(pid: number): number {
  try {
    return openSync(`/proc/${pid}/clear_refs`, 'w');
  } catch (cause) {
    throw new GodwitError('NO_RIGHTS', `/proc/${pid}/clear_refs cannot be opened`, { cause });
  }
}

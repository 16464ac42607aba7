// The copy of one address space on its way: what is dirty, what the target holds, what it inherits from its parent.
import { GodwitError } from '../errors.ts';
import { errnoName } from '../kernel/program.ts';
import type { Vma } from '../kernel/proc/maps.ts';
import type { PageWire } from './wire.ts';
import { inheritedPages, type CowShare } from './pages/cow.ts';
import { hidesPages } from './pages/hidden-pages.ts';
import { GuardPages } from './pages/guard-pages.ts';
import { sendRuns } from './pages/page-sender.ts';
import type { PageCounters } from './pages/page-sink.ts';
import { lentPages, type Sibling } from './pages/siblings.ts';
import { intersection, noRuns, runsOfSet, setOf, type PageRuns } from '../kernel/page-runs.ts';
import { TargetPages } from './pages/target-pages.ts';
import { carriedRanges } from './trackers/tracked-space.ts';
import type { DirtyPages, Tracker } from './trackers/tracker.ts';

export class SpaceCopy {
  readonly pid: number;
  /** PID of the address space's owner as the tree sees it: its name on the wire. */
  readonly space: number;
  readonly #tracker: Tracker;
  readonly #scans: boolean;
  readonly #onTarget = new TargetPages();
  readonly #guards = new GuardPages();

  /** `scans`: PAGEMAP_SCAN may be used, by whatever tracker. */
  constructor(pid: number, space: number, tracker: Tracker, scans: boolean) {
    this.pid = pid;
    this.space = space;
    this.#tracker = tracker;
    this.#scans = scans;
  }

  /** From now on writes are seen. */
  arm(vmas: readonly Vma[]): void {
    this.#tracker.arm(vmas);
  }

  collect(vmas: readonly Vma[], frozen: boolean): DirtyPages {
    const dirty = this.#tracker.collect(vmas, { frozen });
    this.#onTarget.collected(dirty);
    if (frozen) this.#onTarget.lookForStale(this.#tracker.pagemapFd);
    this.#guards.collected(this.#tracker.pagemapFd, vmas, dirty, frozen);
    return dirty;
  }

  /**
   * For a process whose shell is going to be cloned from its parent's: leaves out of its first collection what it shares with
   * the parent. Preconditions as in pages/cow.ts: the target has written all that was sent of the parent.
   */
  inherit(parent: SpaceCopy, parentVmas: readonly Vma[], dirty: DirtyPages): CowShare {
    const from = { tracker: parent.#tracker, vmas: parentVmas, onTarget: parent.#onTarget };
    const share = inheritedPages(from, this.#tracker, dirty);
    this.#onTarget.inherit(parent.#onTarget, dirty);
    return share;
  }

  /** What it is to those that were cloned from the same shell. */
  sibling(vmas: readonly Vma[], share: CowShare): Sibling {
    return { tracker: this.#tracker, vmas, ...share };
  }

  /** The pages among these that its shell has. `vmas`: the mappings that the target was told of, for what was in others is gone. */
  held(pages: PageRuns, vmas: readonly Vma[]): PageRuns {
    return this.#onTarget.current(intersection(pages, carriedRanges(vmas).all));
  }

  /**
   * Sends pages of a child into this one's shell, for the shells that will be cloned from it (pages/siblings.ts). Its own come again
   * with its next collection, whatever becomes of this. Returns which of them count.
   */
  async borrow(
    pages: PageRuns,
    lender: SpaceCopy,
    vmas: readonly Vma[],
    round: number,
    sink: PageWire,
  ): Promise<{ readonly lent: PageRuns; readonly counters: PageCounters }> {
    this.#tracker.forget(pages);
    const sent = setOf();
    const onSent = ({ runs, count }: PageRuns): void => {
      sent.add(runs, count);
    };
    const counters = await sendRuns({ pid: lender.pid, space: this.space, round, pages, onSent }, sink);
    const ahead = lender.#tracker.collect(vmas, { frozen: true, ahead: true });
    return { lent: lentPages(runsOfSet(sent), ahead), counters };
  }

  /** The process has executed another program: its shell still holds what the old one had. */
  replace(old: SpaceCopy): void {
    this.#onTarget.inherit(old.#onTarget, noRuns);
  }

  /** The target has dropped these, with the mappings they were in: the next collection has them all. */
  lost(ranges: PageRuns): void {
    this.#onTarget.dropped(ranges);
    this.#tracker.forget(ranges);
  }

  async send(pages: PageRuns, round: number, sink: PageWire): Promise<PageCounters> {
    const onSent = (sent: PageRuns, payload: Uint8Array | undefined): void => {
      this.#tracker.sent(sent, payload);
      this.#onTarget.sent(sent);
    };
    return sendRuns({ pid: this.pid, space: this.space, round, pages, onSent }, sink);
  }

  /** Pages that the target must give back. Preconditions: frozen, and the frozen collection was made. */
  stale(vmas: readonly Vma[]): PageRuns {
    const stale = this.#onTarget.stale(this.#tracker.pagemapFd, vmas, {
      everywhere: false,
      scans: this.#scans,
      touches: hidesPages() ? this.pid : undefined,
    });
    if (typeof stale === 'number') {
      throw new GodwitError('NO_PROCESS', `the memory of process ${this.pid} is gone: ${errnoName(stale)}`);
    }
    return stale;
  }

  /** Guard pages, which have no content. Preconditions: frozen, and the frozen collection was made. */
  guards(vmas: readonly Vma[]): PageRuns {
    return this.#guards.in(vmas);
  }

  /** Leaves no trace in the process. */
  close(): void {
    this.#tracker.disarm();
  }
}

// Which pages may come after the tree runs on the target, and, in the freeze, which of them will: those that are dirty then, of private
// memory of no file. What userfaultfd cannot guard goes with the delta (docs/adr/0005).
import { bytesOfRuns, type MissingRuns } from '../../images/missing.ts';
import {
  intersection,
  noRuns,
  pagesIn,
  runsInside,
  runsOf,
  runsOfSet,
  setOf,
  type PageRuns,
} from '../../kernel/page-runs.ts';
import type { Vma } from '../../kernel/proc/maps.ts';
import { native } from '../../native.ts';
import { registerIndex, registerCount } from '../../native-process.ts';
import { pageSize } from '../../units.ts';
import type { Flight } from '../flight.ts';
import { isCarried } from '../trackers/tracked-space.ts';
import type { SourceProcess } from '../tree.ts';

/** Of each space; the rest goes with the delta. The target gives each run back by a call of its own. */
const mostRuns = 1 << 20;
/** Below this a fault costs more than the page. */
const leastPages = 16;

export class LaterPages {
  readonly #flight: Pick<Flight, 'layouts' | 'living' | 'ownerOf'>;
  /** By PID, as the agent sees it. */
  readonly #held = new Map<number, { readonly space: number; readonly pages: PageRuns }>();

  constructor(flight: Pick<Flight, 'layouts' | 'living' | 'ownerOf'>) {
    this.#flight = flight;
  }

  /** The pages among these that may come later. */
  possible({ pid }: SourceProcess, pages: PageRuns, vmas: readonly Vma[]): PageRuns {
    if (pages.count === 0) return noRuns;
    const flagsOf = this.#flight.layouts.seen.of(pid, vmas);
    const guardable = vmas.filter((vma) => isCarried(vma) && vma.inode === 0 && !flagsOf(vma).locked);
    return runsInside(setOf(pages), runsOf(guardable));
  }

  /**
   * In the freeze: keeps back what may come later, and returns what has to go now. What the kernel itself writes while the target lets
   * a thread go (rseq), and what each thread is about to use, goes now. Preconditions: every thread is stopped.
   */
  keepBack(process: SourceProcess, pages: PageRuns, vmas: readonly Vma[]): PageRuns {
    const later = setOf(this.possible(process, pages, vmas));
    const hot = this.#hotPages(process);
    later.remove(hot.runs, hot.count);
    let held = runsOfSet(later);
    if (held.count > mostRuns) held = { runs: held.runs.subarray(0, 2 * mostRuns), count: mostRuns };
    this.#held.delete(process.pid);
    if (pagesIn(held) < leastPages) return pages;
    this.#held.set(process.pid, { space: process.vpid, pages: held });
    const now = setOf(pages);
    now.remove(held.runs, held.count);
    return runsOfSet(now);
  }

  /** Bytes that were kept back. */
  get bytes(): number {
    return [...this.#held.values()].reduce((sum, { pages }) => sum + pagesIn(pages) * pageSize, 0);
  }

  /** For the final state. */
  get missing(): MissingRuns[] {
    return [...this.#held.values()].map(({ space, pages }) => ({ space, runs: bytesOfRuns(pages) }));
  }

  /** Whose memory has the pages of each space. */
  get pids(): ReadonlyMap<number, number> {
    return new Map([...this.#held].map(([pid, { space }]) => [space, pid]));
  }

  /** Around the stack pointer, the thread's own data, and its rseq area, of all threads that have this memory. */
  #hotPages(owner: SourceProcess): PageRuns {
    const words = new BigUint64Array(registerCount);
    const rseq = new BigUint64Array(4);
    const hot = setOf();
    const add = (address: number, before: number, behind: number): void => {
      const first = Math.max(0, Math.floor(address / pageSize) - before) * pageSize;
      if (address > 0) hot.add(Float64Array.of(first, (1 + before + behind) * pageSize), 1);
    };
    const sharers = this.#flight.living.filter((process) => this.#flight.ownerOf(process) === owner);
    for (const { tid } of sharers.flatMap(({ threads }) => threads)) {
      if (native.getRegs(tid, words) >= 0) {
        add(Number(words[registerIndex.rsp] ?? 0n), 1, 2);
        add(Number(words[registerIndex.fsBase] ?? 0n), 1, 1);
      }
      if (native.getRseq(tid, rseq) >= 0) add(Number(rseq[0] ?? 0n), 0, 1);
    }
    const user: PageRuns = { runs: Float64Array.of(0, 2 ** 47), count: 1 };
    return intersection(runsOfSet(hot), user);
  }
}

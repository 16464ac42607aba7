// Post-copy, as a flight sees it: a line that stands before the freeze, the pages that were kept back, and the wait until they are gone.
import type { Journal, JournalRecord } from '../../kernel/journal.ts';
import { GodwitError } from '../../errors.ts';
import type { FlightPlan } from '../flight-plan.ts';
import type { Flight } from '../flight.ts';
import { fetchRest, type FetchFigures } from './fetching.ts';
import { LaterPages } from './later-pages.ts';
import { PageLine } from './page-line.ts';

/** Milliseconds without a page that arrives, until `migrate` leaves the rest to its keeper. */
const patienceMs = 120_000;
/** Between two reports. */
const reportMs = 200;
/** What the journal says in it: who has the pages of each space. */
export const postCopyRecord = 'POST_COPY';

/** Whether pages may come later. */
export function mayPostCopy({ goals }: Pick<FlightPlan, 'goals'>): boolean {
  return goals.postCopy === true || goals.onTimeout === 'postcopy';
}

export class PostCopy implements AsyncDisposable {
  readonly pages: LaterPages;
  readonly #plan: FlightPlan;
  #line: PageLine | undefined;

  private constructor(plan: FlightPlan, flight: Flight, line: PageLine) {
    this.#plan = plan;
    this.#line = line;
    this.pages = new LaterPages(flight);
  }

  /** undefined: it was not asked for. The line stands from here on: to make one takes longer than a thread may wait. */
  static async begin(plan: FlightPlan, flight: Flight): Promise<PostCopy | undefined> {
    if (!mayPostCopy(plan)) return undefined;
    return new PostCopy(plan, flight, await PageLine.open(plan));
  }

  /**
   * To be called before COMMIT: whoever goes on when this agent has died finds the pages by it. And again when the tree runs, for those who
   * look at the last state.
   */
  record(journal: Journal): void {
    if (this.pages.bytes > 0) journal.write(postCopyRecord, { pids: [...this.pages.pids] });
  }

  /**
   * Preconditions: the tree runs on the target. `between`: from time to time. undefined: nothing was kept back.
   * @throws GodwitError IN_DOUBT
   */
  async finish(journal: Journal, between: () => void): Promise<FetchFigures | undefined> {
    const { bytes, pids } = this.pages;
    if (bytes === 0) return undefined;
    this.record(journal);
    const { observer, signal, peerBootId } = this.#plan;
    observer({
      kind: 'phase',
      phase: 'post-copy',
      text: `the tree runs on the target; ${(bytes / 2 ** 20).toFixed(0)} MiB of its memory follow`,
    });
    const line = this.#line;
    this.#line = undefined;
    let reportedAt = performance.now();
    const onProgress = (leftBytes: number): void => {
      between();
      if (performance.now() - reportedAt < reportMs) return;
      reportedAt = performance.now();
      observer({ kind: 'post-copy', leftBytes, totalBytes: bytes });
    };
    const warn = (text: string): void => {
      observer({ kind: 'warning', text });
    };
    return fetchRest({ ...this.#plan, pids, patienceMs, peerBootId, signal, warn, onProgress }, line);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#line?.[Symbol.asyncDispose]();
  }
}

/** PIDs by space, as `record` wrote them; undefined: the migration is no post-copy. @throws GodwitError INTERNAL */
export function recordedPids(journal: readonly JournalRecord[]): ReadonlyMap<number, number> | undefined {
  const record = journal.findLast(({ state }) => state === postCopyRecord);
  if (record === undefined) return undefined;
  const pids = record['pids'];
  const isPair = (pair: unknown): pair is [number, number] =>
    Array.isArray(pair) && pair.length === 2 && pair.every((value) => Number.isInteger(value));
  if (!Array.isArray(pids) || !pids.every(isPair))
    throw new GodwitError(
      'INTERNAL',
      `the journal of migration ${record.id} does not tell whose pages are missing`,
    );
  return new Map(pids);
}

// What the target still misses, as it has told, and what is to be sent next: what threads wait for, else the next pages in order.
import type { MissingRuns } from '../../images/missing.ts';
import { runsOfBytes } from '../../images/missing.ts';
import { noRuns, pagesIn, runsInside, setOf, type PageRuns } from '../../kernel/page-runs.ts';
import type { NativePageSet } from '../../native-pages.ts';
import { pageSize } from '../../units.ts';

/** Pages that go along with one that somebody waits for, if they are missing: what lies behind it is often next. */
const ahead = 15;
const mostRuns = 1024;

export interface NextPages {
  readonly space: number;
  readonly pages: PageRuns;
  readonly urgent: boolean;
}

interface MissingSpace {
  readonly space: number;
  readonly left: NativePageSet;
  readonly order: PageRuns;
  /** Of `order`: the next run, and how many of its bytes have been passed. */
  at: number;
  passed: number;
}

export class MissingPages {
  readonly #spaces: MissingSpace[];
  readonly #urgent: { readonly space: number; readonly address: number }[] = [];
  #leftPages: number;
  #next = 0;

  constructor(spaces: readonly MissingRuns[]) {
    this.#spaces = spaces.map(({ space, runs }) => {
      const order = runsOfBytes(runs);
      return { space, order, left: setOf(order), at: 0, passed: 0 };
    });
    this.#leftPages = this.#spaces.reduce((sum, { order }) => sum + pagesIn(order), 0);
  }

  /** Bytes that have not been taken yet. */
  get bytes(): number {
    return this.#leftPages * pageSize;
  }

  /** Somebody waits for this page. */
  want(space: number, address: number): void {
    this.#urgent.push({ space, address });
  }

  /** What is to be sent next: what is wanted, or `bytes` at most of the rest, which may be 0. undefined: nothing. */
  take(bytes: number): NextPages | undefined {
    for (;;) {
      const wanted = this.#urgent.shift();
      if (wanted === undefined) break;
      const found = this.#spaces.find(({ space }) => space === wanted.space);
      if (found === undefined) continue;
      const near = { runs: Float64Array.of(wanted.address, (1 + ahead) * pageSize), count: 1 };
      const pages = runsInside(found.left, near);
      // Else it is on its way already.
      if (pages.runs[0] === wanted.address) return this.#taken(found, pages, true);
    }
    for (; bytes > 0 && this.#next < this.#spaces.length; this.#next++) {
      const space = this.#spaces[this.#next];
      if (space === undefined) continue;
      while (space.at < space.order.count) {
        const pages = runsInside(space.left, nextOf(space, bytes));
        if (pages.count > 0) return this.#taken(space, pages, false);
      }
    }
    return undefined;
  }

  #taken({ space, left }: MissingSpace, pages: PageRuns, urgent: boolean): NextPages {
    left.remove(pages.runs, pages.count);
    this.#leftPages -= pagesIn(pages);
    return { space, pages, urgent };
  }
}

/** The next `bytes` of the order, at most. */
function nextOf(space: MissingSpace, bytes: number): PageRuns {
  const { runs, count } = space.order;
  const taken: number[] = [];
  let room = bytes;
  while (room > 0 && space.at < count && taken.length < 2 * mostRuns) {
    const start = (runs[2 * space.at] ?? 0) + space.passed;
    const rest = (runs[2 * space.at + 1] ?? 0) - space.passed;
    const length = Math.min(rest, room);
    taken.push(start, length);
    room -= length;
    if (length === rest) {
      space.at++;
      space.passed = 0;
    } else space.passed += length;
  }
  return taken.length === 0 ? noRuns : { runs: Float64Array.from(taken), count: taken.length / 2 };
}

// The hash of what was last sent of each page, by address. 8 bytes a page, in blocks of 2 MiB of address space.
import { native } from '../../native.ts';
import type { NativePageSet } from '../../native-pages.ts';
import { pageSize } from '../../units.ts';
import { runsInside, runsOfSet, setOf } from '../../kernel/page-runs.ts';
import type { PageRuns } from '../../kernel/page-runs.ts';

const pagesPerBlock = 512;
/** Halves of 64-bit hashes: comparing bigints would allocate two for each page. 0,0 means: not known. */
type Halves = Uint32Array;

const zeroHash = hashesOf(new Uint8Array(pageSize));

function hashesOf(payload: Uint8Array): Halves {
  const words = new BigUint64Array(payload.length / pageSize);
  native.hashPages(payload, words);
  return new Uint32Array(words.buffer);
}

export class PageHashes {
  readonly #blocks = new Map<number, Halves>();
  readonly #known = setOf();

  /** Notes pages as sent: their contents one after the other in `payload`, or all zero without it. */
  note(pages: PageRuns, payload: Uint8Array | undefined): void {
    this.#each(pages, payload, (block, at, low, high) => {
      block[at] = low;
      block[at + 1] = high;
    });
    this.#known.add(pages.runs, pages.count);
  }

  /** Adds to `into` the pages whose content is not what was sent. */
  addDifferent(pages: PageRuns, payload: Uint8Array | undefined, into: NativePageSet): void {
    const run = new Float64Array(2);
    run[1] = pageSize;
    this.#each(pages, payload, (block, at, low, high, page) => {
      const isKnown = block[at] !== 0 || block[at + 1] !== 0;
      if (isKnown && block[at] === low && block[at + 1] === high) return;
      run[0] = page * pageSize;
      into.add(run, 1);
    });
  }

  forget(pages: PageRuns): void {
    this.#each(runsInside(this.#known, pages), undefined, (block, at) => {
      block[at] = 0;
      block[at + 1] = 0;
    });
    this.#known.remove(pages.runs, pages.count);
  }

  /** Forgets everything else. */
  keepOnly(pages: PageRuns): void {
    const gone = setOf();
    gone.addSet(this.#known);
    gone.remove(pages.runs, pages.count);
    this.forget(runsOfSet(gone));
  }

  #each(
    { runs, count }: PageRuns,
    payload: Uint8Array | undefined,
    visit: (block: Halves, at: number, low: number, high: number, page: number) => void,
  ): void {
    const hashes = payload === undefined ? undefined : hashesOf(payload);
    let next = 0;
    for (let i = 0; i < count; i++) {
      const first = (runs[2 * i] ?? 0) / pageSize;
      const end = first + (runs[2 * i + 1] ?? 0) / pageSize;
      for (let page = first; page < end; page++, next++) {
        const low = hashes === undefined ? zeroHash[0] : hashes[2 * next];
        const high = hashes === undefined ? zeroHash[1] : hashes[2 * next + 1];
        visit(
          this.#block(Math.floor(page / pagesPerBlock)),
          (page % pagesPerBlock) * 2,
          low ?? 0,
          high ?? 0,
          page,
        );
      }
    }
  }

  #block(index: number): Halves {
    let block = this.#blocks.get(index);
    if (block === undefined) {
      block = new Uint32Array(2 * pagesPerBlock);
      this.#blocks.set(index, block);
    }
    return block;
  }
}

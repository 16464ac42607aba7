// What the target would hold: a model of one address space, and of one shared object, that follows layouts, frames and
// stale pages as the real target does (its layout difference is the real one).
import { layoutDifference } from '../../src/target/layout-difference.ts';
import type { Mapping } from '../../src/images/memory.ts';
import type { PageRuns } from '../../src/kernel/page-runs.ts';
import type { Vma } from '../../src/kernel/proc/maps.ts';
import { isCarried } from '../../src/source/trackers/tracked-space.ts';
import type { PageFrameInfo, PageSink, PageSinkBlock } from '../../src/source/pages/page-sink.ts';
import { pageSize } from '../../src/units.ts';

export const zeroPage: Buffer = Buffer.alloc(pageSize);

/** Pages by number. */
export class PageModel {
  readonly pages = new Map<number, Buffer>();
  /** For messages: the round that brought each page; what was cloned from the parent's is negative. */
  protected readonly rounds = new Map<number, number>();

  write({ runs, count }: PageRuns, payload: Uint8Array | undefined, round: number): void {
    let at = 0;
    eachPage({ runs, count }, (page) => {
      this.rounds.set(page, round);
      this.pages.set(
        page,
        payload === undefined ? zeroPage : Buffer.from(payload.subarray(at, at + pageSize)),
      );
      at += pageSize;
    });
  }

  historyOf(page: number): string {
    const round = this.rounds.get(page);
    if (!this.pages.has(page)) return round === undefined ? 'never copied' : 'given back';
    return (round ?? 0) < 0 ? `inherited, copied in round ${-(round ?? 0)}` : `copied in round ${round ?? 0}`;
  }

  /** Contents of the pages among these that are held. */
  among(pages: PageRuns): Buffer[] {
    const found: Buffer[] = [];
    eachPage(pages, (page) => {
      const content = this.pages.get(page);
      if (content !== undefined) found.push(content);
    });
    return found;
  }

  drop(pages: PageRuns): void {
    eachPage(pages, (page) => {
      this.pages.delete(page);
    });
  }
}

export class SpaceModel extends PageModel {
  #mappings: Mapping[] = [];

  /** The shell is cloned from another's. */
  static cloneOf(parent: SpaceModel): SpaceModel {
    const clone = new SpaceModel();
    for (const [page, content] of parent.pages) clone.pages.set(page, content);
    for (const [page, round] of parent.rounds) clone.rounds.set(page, -Math.abs(round));
    clone.#mappings = parent.#mappings;
    return clone;
  }

  layout(vmas: readonly Vma[]): void {
    const wanted = vmas.filter(isCarried).map(mappingOf);
    const { unmap, map } = layoutDifference(this.#mappings, wanted);
    for (const { start, end } of [...unmap, ...map]) this.#dropRange(start / pageSize, end / pageSize);
    this.#mappings = wanted;
  }

  #dropRange(first: number, end: number): void {
    if (end - first < this.pages.size) for (let page = first; page < end; page++) this.pages.delete(page);
    else for (const page of this.pages.keys()) if (page >= first && page < end) this.pages.delete(page);
  }
}

const sources = new Map<string, number>();

function mappingOf(vma: Vma): Mapping {
  const { start, end, shared, offset, inode } = vma;
  const key = `${vma.devMajor}:${vma.devMinor}:${inode}`;
  if (!sources.has(key)) sources.set(key, sources.size);
  const protection = (vma.read ? 1 : 0) | (vma.write ? 2 : 0) | (vma.exec ? 4 : 0);
  const about =
    inode === 0 ? { kind: 'anonymous' as const } : { kind: 'file' as const, source: sources.get(key) ?? 0 };
  const plain = { noReserve: false, locked: false, lockOnFault: false, advice: [], writable: false };
  return { start, end, shared, offset, protection, growsDown: vma.special === 'stack', ...plain, ...about };
}

function eachPage({ runs, count }: PageRuns, visit: (page: number) => void): void {
  for (let i = 0; i < count; i++) {
    const first = (runs[2 * i] ?? 0) / pageSize;
    const end = first + (runs[2 * i + 1] ?? 0) / pageSize;
    for (let page = first; page < end; page++) visit(page);
  }
}

/** A page connection whose other end is a model. Small blocks, so that many things end in the middle of one. */
export class ModelSink implements PageSink {
  readonly #spaces: ReadonlyMap<number, PageModel>;
  readonly #objects: ReadonlyMap<number, PageModel>;

  /** Fresh ones would have to be filled with zeros, page fault by page fault. */
  readonly #free: PageSinkBlock[] = [];

  constructor(spaces: ReadonlyMap<number, PageModel>, objects: ReadonlyMap<number, PageModel>) {
    this.#spaces = spaces;
    this.#objects = objects;
  }

  acquire(): Promise<PageSinkBlock> {
    return Promise.resolve(this.#free.pop() ?? { payload: new Uint8Array(256 * pageSize) });
  }

  release(block: PageSinkBlock): void {
    this.#free.push(block);
  }

  send(block: PageSinkBlock, info: PageFrameInfo): number {
    this.#model(info).write({ runs: info.runs, count: info.runCount }, block.payload, info.round);
    this.release(block);
    return 0;
  }

  sendZero(info: PageFrameInfo): number {
    this.#model(info).write({ runs: info.runs, count: info.runCount }, undefined, info.round);
    return 0;
  }

  #model({ kind, space, runs, runCount }: PageFrameInfo): PageModel {
    for (let i = 2; i < 2 * runCount; i += 2) {
      if ((runs[i] ?? 0) < (runs[i - 2] ?? 0) + (runs[i - 1] ?? 0))
        throw new Error('runs of a frame are not ascending');
    }
    const model = (kind === 'space' ? this.#spaces : this.#objects).get(space);
    if (model === undefined) throw new Error(`a frame for ${kind} ${space}, which nobody knows`);
    return model;
  }
}

// Where the pages of an estimate go: nowhere. They are read as in a migration, so that the program feels the same, and counted.
import { alignedBuffer } from '../../kernel/aligned-memory.ts';
import { pagesIn, runsOfSet, setOf } from '../../kernel/page-runs.ts';
import type { NativePageSet } from '../../native-pages.ts';
import { PageBlock } from '../../transport/page-block.ts';
import { pageSize } from '../../units.ts';
import type { PageFrameInfo } from '../pages/page-sink.ts';
import type { PageWire } from '../wire.ts';

export class DryWire implements PageWire {
  readonly #block = new PageBlock(alignedBuffer);
  #touched = new Map<string, NativePageSet>();
  #sequence = 0;

  /** All the different pages since `forget`, bytes. */
  get touchedBytes(): number {
    return [...this.#touched.values()].reduce((sum, set) => sum + pagesIn(runsOfSet(set)) * pageSize, 0);
  }

  /** The working set begins anew. */
  forget(): void {
    this.#touched = new Map();
  }

  acquire(): Promise<PageBlock> {
    return Promise.resolve(this.#block);
  }

  release(): void {
    // There is one, and it is always free.
  }

  send(_block: PageBlock, info: PageFrameInfo): number {
    return this.#count(info);
  }

  sendZero(info: PageFrameInfo): number {
    return this.#count(info);
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  keepBases(): void {
    // Whole pages are counted.
  }

  #count({ kind, space, runs, runCount }: PageFrameInfo): number {
    const key = `${kind} ${space}`;
    const set = this.#touched.get(key) ?? setOf();
    this.#touched.set(key, set);
    set.add(runs, runCount);
    return ++this.#sequence;
  }
}

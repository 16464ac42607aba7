// Where pages go, as far as the reader of memory knows: the sending end of a page connection (transport/page-sender.ts),
// or what stands for it in tests. Waiting for a block is the back-pressure.

export interface PageSinkBlock {
  /** Whole pages; pages are read straight into it. */
  readonly payload: Uint8Array;
}

export interface PageFrameInfo {
  readonly round: number;
  /** PID of the address space, or id of the shared object. */
  readonly space: number;
  readonly kind: 'space' | 'object';
  /** Pairs [start, length in bytes], ascending; object: start is the offset in it. */
  readonly runs: Float64Array;
  readonly runCount: number;
}

export interface PageSink<Block extends PageSinkBlock = PageSinkBlock> {
  acquire(): Promise<Block>;
  /** Gives back a block that is not sent. */
  release(block: Block): void;
  /** Sends the pages at the start of the payload, as long as the runs. Block and runs are not ours any more. */
  send(block: Block, info: PageFrameInfo): number;
  /** Tells of pages that are all zero. */
  sendZero(info: PageFrameInfo): number;
}

/** Figures of what was sent. */
export interface PageCounters {
  /** All pages that the target was told of, zero pages included. */
  pages: number;
  /** Bytes of content. */
  bytes: number;
  zeroPages: number;
  /** Pages that were gone when they were to be read. */
  gonePages: number;
}

export function newCounters(): PageCounters {
  return { pages: 0, bytes: 0, zeroPages: 0, gonePages: 0 };
}

export function addCounters(into: PageCounters, more: PageCounters): void {
  into.pages += more.pages;
  into.bytes += more.bytes;
  into.zeroPages += more.zeroPages;
  into.gonePages += more.gonePages;
}

/** Runs in one frame (transport/limits.ts: maxRuns). */
export const maxRunsPerFrame = 4096;

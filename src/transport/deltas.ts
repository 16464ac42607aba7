// Pages that are sent again may travel as deltas against what was sent of them before. The functions that make and apply them are native, and
// given by who owns a connection: nothing here knows them.

/** As the header of a frame tells it (page-frame.ts: PageFrameInfo). */
export interface PagesOf {
  readonly round: number;
  readonly space: number;
  readonly kind: 'space' | 'object';
  readonly runs: Float64Array;
  readonly runCount: number;
}

/** The source's half. To be told of everything that changes pages on the target, in the order in which it happens there. */
export interface Deltas {
  /**
   * The pages are on their way. Puts deltas in their place at the start of `payload`, which is as long as the runs. Returns their bytes; 0: the
   * payload is as it was.
   */
  encode(info: PagesOf, payload: Uint8Array): number;
  /** The pages have become zeros. */
  zeros(info: PagesOf): void;
  /** Of a space or object the target has kept these pages at most. */
  keep(of: Pick<PagesOf, 'kind' | 'space'>, kept: KeptRuns): void;
}

/** Pairs [start, length in bytes], ascending. */
export interface KeptRuns {
  readonly runs: Float64Array;
  readonly count: number;
}

/**
 * The target's half: makes the pages of the runs, `length` bytes, from deltas and from what is there. The result is valid until the next frame is
 * decoded. undefined: `deltas` are none for so many pages. They come from a peer who may be hostile. @throws GodwitError
 */
export type Patch = (
  pages: Pick<PagesOf, 'kind' | 'space' | 'runs' | 'runCount'>,
  deltas: Uint8Array,
  length: number,
) => Uint8Array | undefined;

// The typed face of native/binding/delta_binding.cc: pages as differences from what was sent of them before. Runs as in native-pages.ts.

/** The last versions that were sent, natively kept. `owner`: a number below 2^23. Addresses end below 2^47. */
export interface NativeDeltaCache {
  /**
   * Notes the pages, which are on their way, and puts their differences in place of the pages if they take at most `room` bytes. Returns their
   * bytes; 0: the payload is as it was. `payload` is exactly as long as the runs; `round` never becomes less. Not `admits`: no page is new.
   */
  encode(
    owner: number,
    round: number,
    runs: Float64Array,
    count: number,
    payload: Uint8Array,
    room: number,
    admits: boolean,
  ): number;
  /** The target has other content there now, or none. */
  drop(owner: number, runs: Float64Array, count: number): void;
  /** Drops all of the owner outside these ascending runs. */
  keep(owner: number, runs: Float64Array, count: number): void;
  /** How many are kept. */
  pages(): number;
}

export interface NativeDelta {
  /** Room for so many bytes of pages. @throws Error no memory */
  readonly DeltaCache: new (bytes: number) => NativeDeltaCache;
  /**
   * Fills `into`, as long as the runs, by `stream` and by the old pages, which are read from the descriptor: /proc/PID/mem, or an object (behind
   * whose end all is zero). 0; -EILSEQ: `stream` is nothing of the kind; or what reading failed by, with the address in failed[0].
   */
  patchPages(
    fd: number,
    isFile: boolean,
    runs: Float64Array,
    count: number,
    stream: Uint8Array,
    into: Uint8Array,
    failed: Float64Array,
  ): number;
}

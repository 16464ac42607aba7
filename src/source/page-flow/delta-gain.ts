// Whether deltas are faster than whole pages, from what they took and saved in the last frames. Nothing here makes them.

export interface DeltaSample {
  /** Bytes of the pages. */
  readonly pageBytes: number;
  /** Bytes of their deltas; 0: they went whole. */
  readonly bytes: number;
  /** Of this thread, for finding that out. */
  readonly ms: number;
}

/** So many frames are judged together. */
const framesPerChoice = 64;
/** After deltas have gained nothing, so many frames go whole. */
const framesOff = 1024;
/** Bytes of old pages that the target reads and changes in a second. */
const patchBytesPerSecond = 3e9;
/** A wire that has not shown its speed is taken for a fast one. */
const assumedBytesPerSecond = 1e9;

/** Milliseconds that these frames were on their way for less than as whole pages; below 0: for more. */
export function gainedMs(samples: readonly DeltaSample[], wireBytesPerSecond: number | undefined): number {
  const wire = wireBytesPerSecond ?? assumedBytesPerSecond;
  return samples.reduce((sum, { pageBytes, bytes, ms }) => {
    if (bytes === 0) return sum - ms;
    const saved = (pageBytes - bytes) / wire - pageBytes / patchBytesPerSecond;
    return sum + saved * 1000 - ms;
  }, 0);
}

export class DeltaGain {
  readonly #wireSpeed: () => number | undefined;
  #samples: DeltaSample[] = [];
  #off = 0;

  constructor(wireSpeed: () => number | undefined) {
    this.#wireSpeed = wireSpeed;
  }

  /** To be asked for each frame. */
  isWorthTrying(): boolean {
    if (this.#off === 0) return true;
    this.#off--;
    return false;
  }

  tell(sample: DeltaSample): void {
    this.#samples.push(sample);
    if (this.#samples.length < framesPerChoice) return;
    // It is a loss of milliseconds, and chance, to be wrong in one choice.
    if (gainedMs(this.#samples, this.#wireSpeed()) < 0) this.#off = framesOff;
    this.#samples = [];
  }
}

// At most so many bytes a second, by a bucket of tokens: what was not used is kept for a moment, what is too large for the bucket leaves when it
// is full, and is paid for afterwards.

/** Milliseconds of the rate that the bucket holds: about what a timer may be late. */
const depthMs = 50;

export class TokenBucket {
  readonly bytesPerSecond: number;
  readonly #now: () => number;
  readonly #depth: number;
  #tokens: number;
  #filledAt: number;
  #isLifted = false;
  #onLift: (() => void) | undefined;

  /** `now`: milliseconds of a clock that never goes back. */
  constructor(bytesPerSecond: number, now: () => number = () => performance.now()) {
    this.bytesPerSecond = bytesPerSecond;
    this.#now = now;
    this.#depth = (bytesPerSecond * depthMs) / 1000;
    this.#tokens = this.#depth;
    this.#filledAt = now();
  }

  /** Takes the tokens for `bytes` and returns 0, or takes nothing and returns after how many milliseconds to ask again. */
  take(bytes: number): number {
    if (this.#isLifted) return 0;
    const now = this.#now();
    const grown = ((now - this.#filledAt) * this.bytesPerSecond) / 1000;
    this.#tokens = Math.min(this.#depth, this.#tokens + grown);
    this.#filledAt = now;
    const missing = Math.min(bytes, this.#depth) - this.#tokens;
    // What is left by rounding is no reason to wait.
    if (missing > 1e-6 * this.#depth) return (missing / this.bytesPerSecond) * 1000;
    this.#tokens -= bytes;
    return 0;
  }

  /** No limit from now on. */
  lift(): void {
    this.#isLifted = true;
    this.#onLift?.();
  }

  /** Who waits hears of it. */
  onLift(heard: () => void): void {
    this.#onLift = heard;
  }
}

// Frames on the way out, in the order of their sequences: one that is still being compressed holds back those behind it, and so does a limit.
// Without either a frame leaves in the call that brings it.
import type { TokenBucket } from './token-bucket.ts';

export interface Departure {
  readonly sequence: number;
  /** One contiguous message. */
  readonly bytes: Buffer;
  readonly isPlain: boolean;
  /** The kernel has taken its bytes: their memory may be used again. */
  readonly done: () => void;
}

interface Place {
  departure: Departure | undefined;
}

export class Departures {
  readonly #leave: (departure: Departure) => void;
  readonly #limit: TokenBucket | undefined;
  readonly #line: Place[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;
  readonly #waiting: (() => void)[] = [];

  constructor(leave: (departure: Departure) => void, limit?: TokenBucket) {
    this.#leave = leave;
    this.#limit = limit;
    limit?.onLift(() => {
      this.#pump();
    });
  }

  /** The next one. */
  add(departure: Departure): void {
    this.#line.push({ departure });
    this.#pump();
  }

  /** Keeps the place of one that is not ready. The function returned is to be called with it. */
  reserve(): (departure: Departure) => void {
    const place: Place = { departure: undefined };
    this.#line.push(place);
    return (departure) => {
      place.departure = departure;
      this.#pump();
    };
  }

  /** Waits until all that were brought so far, and since, have left, or nothing leaves any more. */
  async empty(): Promise<void> {
    if (this.#line.length === 0) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** Nothing leaves any more. */
  end(): void {
    this.#isOver = true;
    this.#line.length = 0;
    this.#tell();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #pump(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (;;) {
      const departure = this.#line[0]?.departure;
      if (departure === undefined || this.#isOver) return;
      const waitMs = this.#limit?.take(departure.bytes.length) ?? 0;
      if (waitMs > 0) {
        this.#timer = setTimeout(() => {
          this.#pump();
        }, waitMs);
        return;
      }
      this.#line.shift();
      this.#leave(departure);
      if (this.#line.length === 0) this.#tell();
    }
  }

  #tell(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

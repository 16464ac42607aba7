// The speed of pages over a stretch of frames that all go by one codec, from how fast frames are taken: no more are under way than there are
// blocks, so that over many frames they are taken as fast as they arrive.
import type { Codec } from '../../transport/codec.ts';

/** Frames that only fill what lies between. */
const filling = 24;
const frames = 64;
/** Nothing was to be sent meanwhile: a new round, not a slow wire. */
const pauseMs = 500;

export class Stretch {
  readonly #now: () => number;
  #codec: Codec = 'none';
  #count = 0;
  #bytes = 0;
  #beganAt = 0;
  #lastAt = 0;

  /** `now`: milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** To be told of each frame. Bytes a second when a stretch is complete, else undefined. */
  speed(codec: Codec, bytes: number): number | undefined {
    const now = this.#now();
    if (codec !== this.#codec || now - this.#lastAt > pauseMs) this.#count = 0;
    this.#codec = codec;
    this.#lastAt = now;
    this.#count++;
    if (this.#count <= filling) {
      this.#bytes = 0;
      this.#beganAt = now;
      return undefined;
    }
    this.#bytes += bytes;
    if (this.#count < filling + frames) return undefined;
    const ms = now - this.#beganAt;
    this.#count = filling;
    const speed = ms === 0 ? undefined : (this.#bytes / ms) * 1000;
    this.#bytes = 0;
    this.#beganAt = now;
    return speed;
  }
}

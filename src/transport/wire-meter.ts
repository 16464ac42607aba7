// How fast the wire is, whatever holds frames back before they leave: only the time counts in which frames were under way, from their leaving
// to the target's word that they are written. What a limit (--bandwidth) or a compressor lets through is less.

interface UnderWay {
  readonly sequence: number;
  readonly bytes: number;
  readonly isPlain: boolean;
}

/** Acknowledgements of less say more about the way there and back than about speed. */
const tellingBytes = 256 * 1024;
/** So much is remembered; the speed of a wire changes. */
const memoryBytes = 32 << 20;
/** At first the code of both ends is cold, and so are TCP's windows: until so much has arrived, or so long was busy, nothing is told. */
const coldBytes = 8 << 20;
const coldMs = 300;
/** Less, in less time, is chance. */
const leastBytes = 8 << 20;
const leastMs = 150;

export class WireMeter {
  readonly #now: () => number;
  readonly #underWay: UnderWay[] = [];
  #since = 0;
  #busyMs = 0;
  #bytes = 0;
  #plainBytes = 0;
  #plainMs = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  left(frame: UnderWay): void {
    if (this.#underWay.length === 0) this.#since = this.#now();
    this.#underWay.push(frame);
  }

  /** All up to this one have been written. */
  acked(sequence: number): void {
    let bytes = 0;
    let arePlain = true;
    for (;;) {
      const first = this.#underWay[0];
      if (first === undefined || first.sequence > sequence) break;
      this.#underWay.shift();
      bytes += first.bytes;
      arePlain &&= first.isPlain;
    }
    if (bytes === 0) return;
    const now = this.#now();
    const ms = now - this.#since;
    this.#since = now;
    const isCold = this.#bytes < coldBytes && this.#busyMs < coldMs;
    this.#busyMs += ms;
    this.#bytes += bytes;
    if (isCold || !arePlain || bytes < tellingBytes) return;
    this.#plainBytes += bytes;
    this.#plainMs += ms;
    if (this.#plainBytes > memoryBytes) {
      this.#plainBytes /= 2;
      this.#plainMs /= 2;
    }
  }

  /** Frames go once more over another connection: nobody was under way while there was none. */
  resumed(): void {
    this.#since = this.#now();
  }

  /** Milliseconds so far in which something was under way. */
  get busyMs(): number {
    return this.#busyMs;
  }

  /**
   * Bytes a second at which frames go that nobody compresses, the latest counting most; undefined: too few were sent. What they leave
   * the target to do is in it.
   */
  get bytesPerSecond(): number | undefined {
    const isChance = this.#plainBytes < leastBytes && this.#plainMs < leastMs;
    if (isChance || this.#plainMs === 0) return undefined;
    return (this.#plainBytes / this.#plainMs) * 1000;
  }
}

// `--compress auto`: tries the codecs on pages of this tree while they are sent, looks at the wire, and asks chooseCodec again and again. What it
// then gains is measured too: who else needs the cores, on either host, no prediction knows.
import { availableParallelism } from 'node:os';
import { packedCodecs, type Codec, type PackedCodec } from '../../transport/codec.ts';
import { chooseCodec, type CodecChoice, type CodecSample } from './choose-codec.ts';
import { Stretch } from './stretch.ts';

export type TryCodec = (codec: PackedCodec, pages: Uint8Array) => Promise<CodecSample>;

/** Bytes that are tried of a frame: 2 ms of a core for both codecs. */
const sampleBytes = 64 * 1024;
/** Every so many frames one is tried; at first, until so many were, every other one. */
const framesPerSample = 32;
const firstSamples = 3;
/** The choice is made anew every so many frames; every time, until something is known. */
const framesPerChoice = 8;
/** Of so many frames this many go plain whatever was chosen: only they show what the wire could do without. */
const framesPerProbe = 256;
const probeFrames = 16;
/** After a codec has gained nothing, so many frames go without. */
const framesOff = 1024;
/** The dump of a frozen tree takes longer than this: what the wire takes meanwhile arrives in time, compressed or not. */
const dumpSeconds = 0.01;
/** What is new counts so much. */
const weight = 0.3;

interface Surroundings {
  /** Bytes a second that the wire takes without a codec; undefined: not known yet. */
  readonly wireSpeed: () => number | undefined;
  readonly tryCodec: TryCodec;
  readonly cores?: number;
  /** Milliseconds. */
  readonly now?: () => number;
}

export class AutoCodec {
  readonly #wireSpeed: () => number | undefined;
  readonly #try: TryCodec;
  readonly #cores: number;
  readonly #stretch: Stretch;
  readonly #samples: Partial<Record<PackedCodec, CodecSample>> = {};
  #tried = 0;
  #isTrying = false;
  #frames = 0;
  #sinceProbe = 0;
  /** Frames that go without a codec, and why. */
  #off: { left: number; readonly reason: string } | undefined;
  #frozen = false;
  /** Bytes of pages that may go plain now that it is. */
  #plainRoom = 0;
  #speed: number | undefined;
  #choice: CodecChoice = { codec: 'none', reason: 'nothing was sent' };

  constructor({ wireSpeed, tryCodec, cores = availableParallelism(), now }: Surroundings) {
    this.#wireSpeed = wireSpeed;
    this.#try = tryCodec;
    this.#cores = cores;
    this.#stretch = new Stretch(now);
  }

  /** The last choice, without probes. */
  get choice(): CodecChoice {
    return this.#choice;
  }

  /** For the next frame, which holds these pages. Called as fast as frames are taken: that is the speed of pages. */
  next(pages: Uint8Array): Codec {
    const isKnown = this.#tried > 0 && this.#speed !== undefined;
    if (this.#frames % framesPerChoice === 0 || !isKnown) this.#choose();
    this.#frames++;
    if (this.#frozen) {
      this.#plainRoom -= pages.length;
      return this.#plainRoom >= 0 ? 'none' : this.#choice.codec;
    }
    const every = this.#tried < firstSamples ? 2 : framesPerSample;
    if (this.#frames % every === 1 && !this.#isTrying) void this.#sample(pages);
    if (this.#off !== undefined && --this.#off.left <= 0) this.#off = undefined;
    const { codec } = this.#choice;
    if (codec === 'none') this.#sinceProbe = 0;
    else this.#sinceProbe = (this.#sinceProbe + 1) % framesPerProbe;
    const goes = this.#sinceProbe >= framesPerProbe - probeFrames ? 'none' : codec;
    this.#judge(goes, pages.length);
    return goes;
  }

  /**
   * The tree stands still: no experiments, and a choice for what is small. The first pages go plain: to compress them would make the dump wait, or
   * them for its end.
   */
  freeze(): void {
    this.#frozen = true;
    this.#choose();
    this.#plainRoom = (this.#speed ?? 0) * dumpSeconds;
    this.#frames = 1;
  }

  #choose(): void {
    this.#speed = this.#wireSpeed();
    this.#choice =
      this.#off === undefined || this.#frozen
        ? chooseCodec({
            wireBytesPerSecond: this.#speed,
            samples: this.#samples,
            cores: this.#cores,
            frozen: this.#frozen,
          })
        : { codec: 'none', reason: this.#off.reason };
  }

  /** Does the codec do what it was chosen for? */
  #judge(codec: Codec, bytes: number): void {
    const reached = this.#stretch.speed(codec, bytes);
    if (codec === 'none' || reached === undefined || this.#speed === undefined) return;
    if (reached > this.#speed) return;
    const [with_, without] = [reached, this.#speed].map((speed) => `${(speed / 1e6).toFixed(0)} MB/s`);
    this.#off = { left: framesOff, reason: `${codec} was tried: ${with_} of pages, ${without} without` };
    this.#choose();
  }

  /** Never rejects: what cannot be tried is not chosen. */
  async #sample(pages: Uint8Array): Promise<void> {
    this.#isTrying = true;
    try {
      // From the middle: frames often begin with the first pages of a mapping, which are like no others.
      const from = Math.max(0, Math.floor((pages.length - sampleBytes) / 2));
      // Each copies its pages in the call; they are only ours during that of next().
      const piece = pages.subarray(from, from + sampleBytes);
      const found = await Promise.all(packedCodecs.map(async (codec) => this.#try(codec, piece)));
      packedCodecs.forEach((codec, i) => {
        const sample = found[i];
        if (sample !== undefined) this.#samples[codec] = mixed(this.#samples[codec], sample);
      });
    } catch {
      // Without a sample there is nothing to choose.
    } finally {
      this.#tried++;
      this.#isTrying = false;
    }
  }
}

/** Speeds by the time that a byte takes, so that one slow try is not lost among fast ones. */
function mixed(before: CodecSample | undefined, { ratio, ...speeds }: CodecSample): CodecSample {
  if (before === undefined) return { ratio, ...speeds };
  const mix = (old: number, now: number): number => old + weight * (now - old);
  const slow = (old: number, now: number): number => 1 / mix(1 / old, 1 / now);
  return {
    ratio: mix(before.ratio, ratio),
    compressBytesPerSecond: slow(before.compressBytesPerSecond, speeds.compressBytesPerSecond),
    expandBytesPerSecond: slow(before.expandBytesPerSecond, speeds.expandBytesPerSecond),
  };
}

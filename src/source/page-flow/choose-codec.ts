// Whether compressing pages pays, and by which codec: a pure function of measured numbers. Nothing here compresses.
//
// Three things work at once, and the slowest is the speed of pages: compressing, on cores that the tree needs too; the wire; and one thread of the
// target that takes bytes off the wire, expands and writes them. Without a codec it is what the wire was measured at, the target in it.
import type { Codec, PackedCodec } from '../../transport/codec.ts';

/** Measured on pages of this tree. */
export interface CodecSample {
  /** Compressed length by the length before. */
  readonly ratio: number;
  /** Bytes of pages a second of one core. */
  readonly compressBytesPerSecond: number;
  readonly expandBytesPerSecond: number;
}

export interface CodecFacts {
  /** Bytes a second that the wire takes without a codec; undefined: not known yet. */
  readonly wireBytesPerSecond: number | undefined;
  readonly samples: Readonly<Partial<Record<PackedCodec, CodecSample>>>;
  /** Of this host. */
  readonly cores: number;
  /** The tree is frozen: few bytes, and all wait for the last of them. */
  readonly frozen: boolean;
}

export interface CodecChoice {
  readonly codec: Codec;
  readonly reason: string;
}

/** Threads of libuv's pool (UV_THREADPOOL_SIZE), which compress. */
const lanes = 4;
/** One core sends; the tree gets at least half of the others. */
const shareOfTree = 0.5;
/** What one thread takes off a page connection and writes into fresh memory, bytes a second (docs/benchmarks.md). */
const receiveBytesPerSecond = 1e9;
/** CPU time is the tree's too: a codec that gains less is not worth it. */
const leastGain = 1.15;

export function chooseCodec(facts: CodecFacts): CodecChoice {
  const { wireBytesPerSecond: wire, samples } = facts;
  if (wire === undefined) return { codec: 'none', reason: 'the speed of the wire is not known yet' };
  const speeds = (Object.entries(samples) as [PackedCodec, CodecSample][])
    .map(([codec, sample]) => ({ codec, sample, speed: speedWith(sample, wire, facts) }))
    .sort((a, b) => b.speed - a.speed);
  const [best] = speeds;
  if (best === undefined) return { codec: 'none', reason: 'no pages have been tried yet' };
  const { codec, sample, speed } = best;
  const says = `${megabytes(speed)} of pages by ${codec} (${(1 / sample.ratio).toFixed(1)} times smaller), ${megabytes(wire)} without`;
  return speed > leastGain * wire ? { codec, reason: says } : { codec: 'none', reason: says };
}

function speedWith({ ratio, ...speeds }: CodecSample, wire: number, { cores, frozen }: CodecFacts): number {
  const { compressBytesPerSecond: compress, expandBytesPerSecond: expand } = speeds;
  // One frame after the other: what little there is fills no pipe.
  if (frozen) return 1 / (1 / compress + ratio / wire + 1 / expand);
  const free = Math.min(lanes, Math.max(0.5, cores - 1) * (1 - shareOfTree));
  const target = 1 / (1 / expand + ratio / receiveBytesPerSecond);
  return Math.min(compress * free, wire / ratio, target);
}

function megabytes(bytesPerSecond: number): string {
  return `${(bytesPerSecond / 1e6).toFixed(0)} MB/s`;
}

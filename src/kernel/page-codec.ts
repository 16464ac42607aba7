// Compression by the addon, as both ends of a page connection use it (transport/codec.ts).
import { GodwitError } from '../errors.ts';
import { native } from '../native.ts';
import { alignedBuffer } from './aligned-memory.ts';
import { errnoName } from './program.ts';

/** As native/sys/codec.h numbers them. */
const numbers = { lz4: 0, zstd: 1 } as const;
export type CodecName = keyof typeof numbers;

/** Resolves to bytes in `into`; 0: it does not fit. Neither may be touched until then. @throws GodwitError NO_SPACE */
export async function compress(codec: CodecName, from: Uint8Array, into: Uint8Array): Promise<number> {
  const length = await native.compress(numbers[codec], from, into);
  if (length < 0) throw noMemory(length);
  return length;
}

/** Into one buffer of at most `most` bytes, which is used again and again; undefined: `packed` does not expand to exactly so many bytes. */
export function expander(
  most: number,
): (codec: CodecName, packed: Uint8Array, length: number) => Uint8Array | undefined {
  let buffer: Buffer | undefined;
  return (codec, packed, length) => {
    if (length > most) return undefined;
    buffer ??= alignedBuffer(most);
    const content = buffer.subarray(0, length);
    const error = native.expand(numbers[codec], packed, content);
    if (error === 0) return content;
    if (errnoName(error) === 'ENOMEM') throw noMemory(error);
    return undefined;
  };
}

export interface CodecFigures {
  /** Compressed length by the length before. */
  readonly ratio: number;
  /** Bytes of pages a second of one core. */
  readonly compressBytesPerSecond: number;
  readonly expandBytesPerSecond: number;
}

/** Compresses and expands a copy of some pages on another thread. @throws GodwitError NO_SPACE */
export async function sampleCodec(codec: CodecName, pages: Uint8Array): Promise<CodecFigures> {
  const { length } = pages;
  const figures = await native.sampleCodec(numbers[codec], pages);
  if (typeof figures === 'number') throw noMemory(figures);
  const [packed = length, compressNs = 0, expandNs = 0] = figures;
  // What did not shrink was not expanded.
  const perSecond = (ns: number): number => (ns === 0 ? Infinity : (length / ns) * 1e9);
  return {
    ratio: packed / length,
    compressBytesPerSecond: perSecond(compressNs),
    expandBytesPerSecond: perSecond(expandNs),
  };
}

function noMemory(errno: number): GodwitError {
  return new GodwitError('NO_SPACE', `no memory to compress pages with: ${errnoName(errno)}`);
}

// Compresses the payloads of frames, each into a block of its own, so that the block with the pages is free again before its frame has left.
import { worthwhile } from './codec.ts';
import type { Codec, Compression, PackedCodec } from './codec.ts';
import type { Departure } from './departures.ts';
import { headRoom } from './limits.ts';
import { BlockPool } from './page-block.ts';
import type { Allocate, PageBlock } from './page-block.ts';
import { encodeInFront, lengthOfRuns } from './page-frame.ts';
import type { PageFrameInfo } from './page-frame.ts';

/** What was sent so far, by the codec that it went with: bytes of pages, and the bytes that they became. */
export type Traffic = Readonly<Record<Codec, { readonly pages: number; readonly payload: number }>>;

/** Everything about a frame but where its bytes lie. */
export type Frame = PageFrameInfo & {
  readonly sequence: number;
  readonly checksum: bigint;
  /** Bytes of deltas that stand in the block instead of the pages. */
  readonly delta: number | undefined;
};

export class Packing {
  readonly #compression: Compression | undefined;
  readonly #pool: BlockPool;
  readonly #traffic = {
    none: { pages: 0, payload: 0 },
    lz4: { pages: 0, payload: 0 },
    zstd: { pages: 0, payload: 0 },
  };

  constructor(compression: Compression | undefined, blocks: number, allocate: Allocate | undefined) {
    this.#compression = compression;
    this.#pool = new BlockPool(blocks, allocate);
  }

  /** A snapshot. */
  get traffic(): Traffic {
    return structuredClone(this.#traffic);
  }

  /** How the content of a frame is to leave; what is to leave as it is counts as sent. */
  choose(content: Uint8Array, frame: Frame): Codec {
    const codec = this.#compression?.choose(content, frame.delta !== undefined) ?? 'none';
    if (codec === 'none') this.#count(codec, frame, content.length);
    return codec;
  }

  /** `plain`, or what its content of `length` bytes has become. @throws GodwitError the connection's end */
  async pack(
    codec: PackedCodec,
    block: PageBlock,
    length: number,
    frame: Frame,
    plain: Departure,
  ): Promise<Departure> {
    // First asked first served: the frame that all wait for never lacks a block that one behind it has.
    const packed = await this.#pool.acquire();
    const done = (): void => {
      this.#pool.release(packed);
    };
    const room = packed.payload.subarray(0, Math.floor(length * worthwhile));
    const got = (await this.#compression?.compress(codec, block.payload.subarray(0, length), room)) ?? 0;
    if (got === 0) {
      done();
      this.#count('none', frame, length);
      return plain;
    }
    const { sequence, checksum, delta } = frame;
    const begin = encodeInFront(packed.memory, headRoom, frame, {
      sequence,
      zero: false,
      checksum,
      codec,
      delta,
    });
    plain.done();
    this.#count(codec, frame, got);
    return { sequence, bytes: packed.memory.subarray(begin, headRoom + got), isPlain: false, done };
  }

  /** Who waits for a block gets `reason`. */
  close(reason: unknown): void {
    this.#pool.close(reason);
  }

  #count(codec: Codec, frame: Frame, payload: number): void {
    this.#traffic[codec].pages += lengthOfRuns(frame);
    this.#traffic[codec].payload += payload;
  }
}

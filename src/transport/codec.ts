// How the payload of a page frame may be compressed. The functions that do it are native, and given by who owns a connection: nothing here
// knows them.

export const codecs = ['none', 'lz4', 'zstd'] as const;
export type Codec = (typeof codecs)[number];
/** As the header of a frame names them. */
export const packedCodecs = ['lz4', 'zstd'] as const;
export type PackedCodec = (typeof packedCodecs)[number];

/** A frame leaves compressed only if it shrinks below this part of its length. */
export const worthwhile = 0.9;

/** The source's half. */
export interface Compression {
  /** How the next frame is to travel. `payload` may be looked at during the call only; `areDeltas`: no pages. */
  choose(payload: Uint8Array, areDeltas: boolean): Codec;
  /** Resolves to how many bytes of `into` are filled; 0: it does not fit. Neither may be touched until then. */
  compress(codec: PackedCodec, from: Uint8Array, into: Uint8Array): Promise<number>;
}

/**
 * The target's half: expands into memory that it may use again when the next frame is decoded. undefined: `packed` is not what expands to
 * exactly so many bytes. It comes from a peer who may be hostile.
 */
export type Expand = (codec: PackedCodec, packed: Uint8Array, length: number) => Uint8Array | undefined;

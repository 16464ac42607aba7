// The typed face of native/binding/codec_binding.cc. Codecs by number: 0 LZ4 (one block), 1 Zstandard (one frame, level 1).

export interface NativeCodec {
  /**
   * Compresses on a thread of libuv's pool; both arrays must be left alone until it has ended. Resolves to bytes; 0: it does not fit into
   * `into`; -ENOMEM.
   */
  compress(codec: number, from: Uint8Array, into: Uint8Array): Promise<number>;
  /** 0 if `from` is exactly what expands to all of `into`, and nothing else; else -EBADMSG, with anything in `into`; -ENOMEM. */
  expand(codec: number, from: Uint8Array, into: Uint8Array): number;
  /**
   * Compresses and expands a copy on another thread. Resolves to [bytes when compressed, nanoseconds of CPU for compressing, for
   * expanding], or -ENOMEM.
   */
  sampleCodec(codec: number, from: Uint8Array): Promise<Float64Array | number>;
}

// The typed face of native/binding/message_reader_binding.cc: WebSocket messages read by a thread into blocks of memory.

export interface NativeMessageReader {
  /** The block may be read into again. */
  release(block: number): void;
  /** Ends the thread. Returns what was read of the connection and belongs to no message that was told; nothing the second time. */
  stop(): Buffer;
}

export interface NativeMessageReaders {
  /**
   * Reads a socket that nobody else reads, after `early`, which was read from it before. `memory`, which begins at a page, is cut into
   * `count` blocks of equal length, each with room for `room` + `most` bytes in whole pages. A message of at most `most` bytes that is
   *     u32 LE length of a header | header | n x `unit` bytes, 1 <= n <= 4096 / unit | whole pages
   * lies so that its pages begin `room` bytes, which are whole pages too, behind the start of its block.
   *
   * `tell(block, begin, length, hash)`: a message lies in the block, until it is released; `hash` is the XXH3-64 of what lies from its pages
   * on (of a message that begins there: of all but its first four bytes). `tell()`: nothing more is read, because the
   * connection has ended or something came that is no whole binary message; what it is `stop` tells. `tell(-1)`: the same, since a message
   * was not what had been sealed. Throws TypeError.
   *
   * `key`: 32 bytes; messages are sealed (sealMessage), counted from 0, and told of without their tag.
   */
  readonly MessageReader: new (
    fd: number,
    early: Uint8Array,
    room: number,
    unit: number,
    most: number,
    memory: Uint8Array,
    count: number,
    tell: (block?: number, begin?: number, length?: number, hash?: bigint) => void,
    key?: Uint8Array,
  ) => NativeMessageReader;
}

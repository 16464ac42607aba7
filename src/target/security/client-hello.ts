// Which server a TLS client asks for, read from its ClientHello before anybody answers (RFC 8446, 4.1.2; the name: RFC 6066, 3). Whoever is
// asked for does the handshake: this only finds the way there, and believes nothing.
//
//   record: type 22, version, length | handshake: type 1, u24 length | version, random[32], session id<u8>, cipher suites<u16>,
//   compression<u8>, extensions<u16>: (type, data<u16>)...   server_name (0): list<u16>: (type 0, name<u16>)

const handshakeRecord = 22;
const clientHello = 1;
const serverName = 0;
const hostName = 0;
const recordHead = 5;
/** Of one record (RFC 8446, 5.1); longer ones, or those in pieces, no client of ours sends. */
export const mostRecord = 16_384 + recordHead;

/** It is not all there yet. */
export const more = Symbol('more');

/** undefined: it names none, or is no ClientHello. */
export function serverNameIn(bytes: Buffer): string | typeof more | undefined {
  if (bytes.length > 0 && bytes[0] !== handshakeRecord) return undefined;
  if (bytes.length < recordHead) return more;
  const length = bytes.readUInt16BE(3);
  if (length + recordHead > mostRecord) return undefined;
  if (bytes.length < recordHead + length) return more;
  try {
    return nameOf(new Reader(bytes.subarray(recordHead, recordHead + length)));
  } catch (error) {
    if (error instanceof RangeError) return undefined; // it ends too early
    throw error;
  }
}

function nameOf(record: Reader): string | undefined {
  if (record.number(1) !== clientHello) return undefined;
  const hello = record.part(3);
  hello.passOver(2 + 32);
  hello.part(1);
  hello.part(2);
  hello.part(1);
  const extensions = hello.part(2);
  while (extensions.left > 0) {
    const type = extensions.number(2);
    const data = extensions.part(2);
    if (type !== serverName) continue;
    const names = data.part(2);
    return names.number(1) === hostName ? names.part(2).text() : undefined;
  }
  return undefined;
}

/** Throws RangeError behind the end. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  number(width: number): number {
    const value = this.#bytes.readUIntBE(this.#at, width);
    this.#at += width;
    return value;
  }

  passOver(length: number): void {
    if (length > this.left) throw new RangeError('behind the end');
    this.#at += length;
  }

  /** What stands behind its own length. */
  part(width: number): Reader {
    const length = this.number(width);
    const from = this.#at;
    this.passOver(length);
    return new Reader(this.#bytes.subarray(from, this.#at));
  }

  text(): string {
    return this.#bytes.toString('latin1');
  }
}

// What a program (program.ts) left behind in its memory.
import { getSystemErrorName } from 'node:util';

/** Bytes of an operation, and where in it the result stands. */
export const operationSize = 64;
export const resultOffset = 56;
const maxErrno = 4095;

/** The result of an earlier call, as an argument of a later one. */
export interface Result {
  readonly operation: number;
}
/** A place in the program's data, as an argument or to be read afterwards. */
export interface Data {
  readonly offset: number;
  readonly length: number;
}

/** What a program left behind: results of its calls and its data. */
export class Outcome {
  readonly #memory: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #dataStart: number;

  constructor(memory: Uint8Array<ArrayBuffer>, dataStart: number) {
    this.#memory = memory;
    this.#view = new DataView(memory.buffer, memory.byteOffset, memory.length);
    this.#dataStart = dataStart;
  }

  result(of: Result): bigint {
    return this.#view.getBigInt64(of.operation * operationSize + resultOffset, true);
  }

  /** A result that fits: a descriptor, a PID, a count, an address, or a negative errno. */
  number(of: Result): number {
    const at = of.operation * operationSize + resultOffset;
    return this.#view.getInt32(at + 4, true) * 2 ** 32 + this.#view.getUint32(at, true);
  }

  /** The call ended with an errno. */
  failed(of: Result): boolean {
    const number = this.number(of);
    return number < 0 && number >= -maxErrno;
  }

  bytes(of: Data): Uint8Array<ArrayBuffer> {
    return this.#memory.subarray(this.#dataStart + of.offset, this.#dataStart + of.offset + of.length);
  }

  words(of: Data): BigUint64Array {
    return new BigUint64Array(this.bytes(of).slice().buffer);
  }

  view(of: Data): DataView {
    return new DataView(
      this.#memory.buffer,
      this.#memory.byteOffset + this.#dataStart + of.offset,
      of.length,
    );
  }

  /** The first 32 bits. */
  u32(of: Data): number {
    return this.#view.getUint32(this.#dataStart + of.offset, true);
  }

  /** Whether the first `length` bytes are those that the same program left behind elsewhere. */
  isSame(of: Data, other: Outcome, length: number): boolean {
    const start = this.#dataStart + of.offset;
    for (let at = start; at < start + length; at++) if (this.#memory[at] !== other.#memory[at]) return false;
    return true;
  }
}

export function isError(result: bigint): boolean {
  return result < 0n && result >= BigInt(-maxErrno);
}

/** "ENOENT" for -2. */
export function errnoName(negative: number | bigint): string {
  try {
    return getSystemErrorName(Number(negative));
  } catch {
    return `errno ${-Number(negative)}`;
  }
}

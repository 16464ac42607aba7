// A program: a batch of system calls that runs at once in some process: in the agent, in a live process, or in a
// shell. This file lays it out; it knows nothing of who runs it. Layout (64 bytes an operation, then data):
//
//    base ->  +--------------------------------------------------+
//             | number u32 | flags u32 | arg 0 .. arg 5 | result |  operation 0
//             +--------------------------------------------------+
//             | ...                                              |  operation n-1
//             +--------------------------------------------------+
//             | data: strings, structures, room for results      |
//             +--------------------------------------------------+
//
// flags: bit i (0..5): argument i is the index of an operation, use its result; bit 8+i: argument i is an offset
// from base, make it an address; bit 16: go on when the call fails. Native side: native/stub/stub.S, ops.h.
import { getSystemErrorName } from 'node:util';
import { GodwitError } from '../errors.ts';
import { syscalls, type SyscallName } from './syscalls.ts';

export const operationSize = 64;
const goOn = 1 << 16;
const maxErrno = 4095n;

/** The result of an earlier call, as an argument of a later one. */
export interface Result {
  readonly operation: number;
}
/** A place in the program's data, as an argument or to be read afterwards. */
export interface Data {
  readonly offset: number;
  readonly length: number;
}
export type Argument = number | bigint | Result | Data;

interface Operation {
  readonly name: SyscallName;
  readonly args: readonly Argument[];
  readonly goOn: boolean;
}

export class Program {
  readonly #operations: Operation[] = [];
  readonly #data: { at: number; bytes: Uint8Array }[] = [];
  /** Offsets in the data. */
  readonly #pointers: { at: number; to: number }[] = [];
  #dataLength = 0;

  get length(): number {
    return this.#operations.length;
  }

  /** Bytes that it takes in memory. */
  get size(): number {
    return this.#operations.length * operationSize + this.#dataLength;
  }

  /** A call that must succeed: the program stops where it fails, and running it throws. */
  call(name: SyscallName, ...args: readonly Argument[]): Result {
    this.#operations.push({ name, args, goOn: false });
    return { operation: this.#operations.length - 1 };
  }

  /** A call that may fail: the program goes on, the result is the negative errno. */
  attempt(name: SyscallName, ...args: readonly Argument[]): Result {
    this.#operations.push({ name, args, goOn: true });
    return { operation: this.#operations.length - 1 };
  }

  /** Bytes that calls read (and may write); aligned to 16. */
  bytes(content: Uint8Array): Data {
    const at = this.#dataLength;
    this.#data.push({ at, bytes: content });
    this.#dataLength += (content.length + 15) & ~15;
    return { offset: at, length: content.length };
  }

  /** Zeroed room that calls write into. */
  room(length: number): Data {
    return this.bytes(new Uint8Array(length));
  }

  cstring(text: string): Data {
    return this.bytes(Buffer.from(`${text}\0`, 'utf8'));
  }

  /**
   * A structure with the addresses of other data in it: at offset `at` of `content` stands where `to` is. Such a program runs only where
   * its place in memory is known (encode).
   */
  structure(content: Uint8Array, pointers: readonly { readonly at: number; readonly to: Data }[]): Data {
    const data = this.bytes(content);
    for (const { at, to } of pointers) this.#pointers.push({ at: data.offset + at, to: to.offset });
    return data;
  }

  /** 64-bit words: numbers, or nothing but words. */
  words(...values: readonly (number | bigint)[]): Data {
    return this.bytes(
      new Uint8Array(BigUint64Array.from(values, (value) => BigInt.asUintN(64, BigInt(value))).buffer),
    );
  }

  /** Lays the program out at the start of `memory`; `base`: the address under which its process sees that. */
  encode(memory: Uint8Array, base?: number): void {
    if (memory.length < this.size) {
      throw new GodwitError(
        'LIMIT',
        `a program of ${this.size} bytes does not fit ${memory.length} bytes of scratch memory`,
      );
    }
    const dataStart = this.#operations.length * operationSize;
    const view = new DataView(memory.buffer, memory.byteOffset, memory.length);
    for (const [index, operation] of this.#operations.entries()) {
      const at = index * operationSize;
      let flags = operation.goOn ? goOn : 0;
      for (let i = 0; i < 6; i++) {
        const arg = operation.args[i] ?? 0;
        let word: bigint;
        if (typeof arg === 'object') {
          const isResult = 'operation' in arg;
          flags |= isResult ? 1 << i : 1 << (8 + i);
          word = BigInt(isResult ? arg.operation : dataStart + arg.offset);
        } else word = BigInt(arg);
        view.setBigUint64(at + 8 + i * 8, BigInt.asUintN(64, word), true);
      }
      view.setUint32(at, syscalls[operation.name], true);
      view.setUint32(at + 4, flags, true);
      view.setBigInt64(at + 56, 0n, true);
    }
    for (const { at, bytes } of this.#data) memory.set(bytes, dataStart + at);
    if (base === undefined && this.#pointers.length > 0)
      throw new GodwitError(
        'INTERNAL',
        'a program with addresses in its data, and nobody knows where it runs',
      );
    for (const { at, to } of this.#pointers)
      view.setBigUint64(dataStart + at, BigInt((base ?? 0) + dataStart + to), true);
  }

  /** Reads what a run left in `memory`. Throws REMOTE_CALL for a call that had to succeed and did not. */
  outcome(memory: Uint8Array, where: string): Outcome {
    const dataStart = this.#operations.length * operationSize;
    const copy = memory.slice(0, this.size);
    const view = new DataView(copy.buffer);
    for (const [index, operation] of this.#operations.entries()) {
      const result = view.getBigInt64(index * operationSize + 56, true);
      if (!operation.goOn && isError(result)) throw failure(operation, index, result, where);
    }
    return new Outcome(copy, dataStart);
  }
}

/** What a program left behind: results of its calls and its data. */
export class Outcome {
  readonly #memory: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #dataStart: number;

  constructor(memory: Uint8Array<ArrayBuffer>, dataStart: number) {
    this.#memory = memory;
    this.#view = new DataView(memory.buffer);
    this.#dataStart = dataStart;
  }

  result(of: Result): bigint {
    return this.#view.getBigInt64(of.operation * operationSize + 56, true);
  }

  /** A result that fits: a descriptor, a PID, a count, an address, or a negative errno. */
  number(of: Result): number {
    return Number(this.result(of));
  }

  bytes(of: Data): Uint8Array<ArrayBuffer> {
    return this.#memory.subarray(this.#dataStart + of.offset, this.#dataStart + of.offset + of.length);
  }

  words(of: Data): BigUint64Array {
    return new BigUint64Array(this.bytes(of).slice().buffer);
  }

  view(of: Data): DataView {
    return new DataView(this.#memory.buffer, this.#dataStart + of.offset, of.length);
  }
}

export function isError(result: bigint): boolean {
  return result < 0n && result >= -maxErrno;
}

/** "ENOENT" for -2. */
export function errnoName(negative: number | bigint): string {
  try {
    return getSystemErrorName(Number(negative));
  } catch {
    return `errno ${-Number(negative)}`;
  }
}

function failure(operation: Operation, index: number, result: bigint, where: string): GodwitError {
  const args = operation.args.map((arg) => {
    if (typeof arg !== 'object')
      return typeof arg === 'bigint' || arg > 0xffff ? `0x${arg.toString(16)}` : String(arg);
    return 'operation' in arg ? `result ${arg.operation}` : `data ${arg.offset}`;
  });
  return new GodwitError(
    'REMOTE_CALL',
    `${where}: ${operation.name}(${args.join(', ')}) failed with ${errnoName(result)} (call ${index} of the program)`,
    { cause: { errno: Number(result), syscall: operation.name } },
  );
}

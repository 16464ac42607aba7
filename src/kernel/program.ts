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
import { GodwitError } from '../errors.ts';
import { errnoName, operationSize, Outcome, resultOffset, type Data, type Result } from './outcome.ts';
import { syscalls, type SyscallName } from './syscalls.ts';

export { errnoName, isError, type Data, type Outcome, type Result } from './outcome.ts';

const goOn = 1 << 16;
const maxArguments = 6;

export type Argument = number | bigint | Result | Data;

interface Operation {
  readonly name: SyscallName;
  readonly args: readonly Argument[];
  readonly goOn: boolean;
}

export class Program {
  readonly #operations: Operation[] = [];
  /** Without bytes: zeros. */
  readonly #data: { at: number; length: number; bytes: Uint8Array | undefined }[] = [];
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
    return this.#place(content.length, content);
  }

  /** Zeroed room that calls write into. */
  room(length: number): Data {
    return this.#place(length, undefined);
  }

  #place(length: number, bytes: Uint8Array | undefined): Data {
    const at = this.#dataLength;
    this.#data.push({ at, length, bytes });
    this.#dataLength += (length + 15) & ~15;
    return { offset: at, length };
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
    let at = 0;
    for (const { name, args, goOn: goesOn } of this.#operations) {
      let flags = goesOn ? goOn : 0;
      for (let i = 0; i < maxArguments; i++) {
        const place = at + 8 + i * 8;
        const arg = args[i] ?? 0;
        if (typeof arg === 'number') putNumber(view, place, arg);
        else if (typeof arg === 'bigint') view.setBigUint64(place, BigInt.asUintN(64, arg), true);
        else {
          const isResult = 'operation' in arg;
          flags |= isResult ? 1 << i : 1 << (8 + i);
          putNumber(view, place, isResult ? arg.operation : dataStart + arg.offset);
        }
      }
      view.setUint32(at, syscalls[name], true);
      view.setUint32(at + 4, flags, true);
      putNumber(view, at + resultOffset, 0);
      at += operationSize;
    }
    for (const { at: offset, length, bytes } of this.#data) {
      if (bytes === undefined) memory.fill(0, dataStart + offset, dataStart + offset + length);
      else memory.set(bytes, dataStart + offset);
    }
    if (base === undefined && this.#pointers.length > 0)
      throw new GodwitError(
        'INTERNAL',
        'a program with addresses in its data, and nobody knows where it runs',
      );
    for (const pointer of this.#pointers)
      putNumber(view, dataStart + pointer.at, (base ?? 0) + dataStart + pointer.to);
  }

  /**
   * Reads what a run left in `memory`, of which a copy is taken, unless it `isOwn`: not used for anything else. Throws REMOTE_CALL for a
   * call that had to succeed and did not.
   */
  outcome(memory: Uint8Array<ArrayBuffer>, where: string, isOwn = false): Outcome {
    const dataStart = this.#operations.length * operationSize;
    const outcome = new Outcome(isOwn ? memory : memory.slice(0, this.size), dataStart);
    for (const [index, operation] of this.#operations.entries()) {
      if (operation.goOn || !outcome.failed({ operation: index })) continue;
      throw failure(operation, index, outcome.result({ operation: index }), where);
    }
    return outcome;
  }
}

/** Without a bigint, which would have to be allocated: most arguments of most programs are small. */
function putNumber(view: DataView, at: number, value: number): void {
  if (!Number.isInteger(value)) throw new GodwitError('INTERNAL', `${value} is no argument of a program`);
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32) >>> 0, true);
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

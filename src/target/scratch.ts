// Scratch memory of the shells: one memfd for the whole tree, mapped in the agent and, at one and the same address,
// in every shell. It holds the stub's code (first page) and the programs that run just now.
import { GodwitError } from '../errors.ts';
import { runLocal } from '../kernel/local-program.ts';
import { errnoName, Program, type Outcome } from '../kernel/program.ts';
import { signOfLife } from '../sign-of-life.ts';
import { native } from '../native.ts';
import { pageSize, userEnd } from '../units.ts';

/** Where the search for a hole begins: mmap_min_addr, unless somebody raised it. */
const lowest = 0x1_0000;
/** Bytes. Fits the hole between the lowest address that can be mapped and where non-PIE programs start. */
export const scratchLength = 0x20_0000;
/** Where programs start in it; native/stub/ops.h, kProgramOffset. */
const programOffset = 0x1000;
/** The end of it is for what structures point to: its addresses are known before the program is laid out. */
const placedLength = 0x2_0000;
const placedOffset = scratchLength - placedLength;
/**
 * In the first page, behind the stub and its hand-shakes: `syscall; jmp .`, not int3: when its SIGTRAP meets PTRACE_INTERRUPT, the
 * interrupt is reported first (get_signal in kernel/signal.c) and the signal stays pending: it killed a tree that had arrived.
 */
const snippetOffset = 0xf00;
const snippetCode = Uint8Array.of(0x0f, 0x05, 0xeb, 0xfe);
const memfdCloexec = 1;
const memfdExec = 0x10; // Linux 6.3

/** A stretch of addresses [start, end). */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** A program, and the stopped shell task that is to run it. */
export interface ScratchTask {
  readonly tid: number;
  readonly program: Program;
  readonly where: string;
}

export class ScratchMemory {
  readonly fd: number;
  /** Where every shell has it mapped. */
  address: number;
  readonly #memory: ArrayBuffer;
  readonly #born = new Int32Array(1024);
  #placed = 0;

  private constructor(fd: number, memory: ArrayBuffer, address: number) {
    this.fd = fd;
    this.#memory = memory;
    this.address = address;
  }

  static create(address: number): ScratchMemory {
    const fd = createMemfd();
    const memory = native.mapShared(fd, scratchLength);
    if (typeof memory === 'number') {
      throw new GodwitError('NO_SPACE', `no scratch memory: mmap failed with ${errnoName(memory)}`);
    }
    new Uint8Array(memory).set(native.stubCode());
    new Uint8Array(memory).set(snippetCode, snippetOffset);
    return new ScratchMemory(fd, memory, address);
  }

  get range(): Range {
    return { start: this.address, end: this.address + scratchLength };
  }

  /** Bytes that one program may take. */
  get room(): number {
    return placedOffset - programOffset;
  }

  /**
   * Puts bytes at an address that the next program may hold in its structures; they are gone after it.
   * @throws GodwitError LIMIT
   */
  place(bytes: Uint8Array): number {
    const at = this.#placed;
    if (at + bytes.length > placedLength)
      throw new GodwitError('LIMIT', 'a program points to too many bytes');
    new Uint8Array(this.#memory, placedOffset + at).set(bytes);
    this.#placed = at + ((bytes.length + 15) & ~15);
    return this.address + placedOffset + at;
  }

  /**
   * Runs a program in the stopped shell task `tid`. Returns what it left and the PIDs of the tasks that it bore.
   * @throws GodwitError REMOTE_CALL for a call that failed, NO_PROCESS when the shell died.
   */
  run(tid: number, program: Program, where: string): { outcome: Outcome; born: readonly number[] } {
    signOfLife();
    const memory = this.#encode(program);
    const born = native.runShell(tid, this.address, programOffset, program.length, this.#born);
    if (born < 0) throw shellLost(where, born);
    return { outcome: program.outcome(memory, where), born: Array.from(this.#born.subarray(0, born)) };
  }

  /** Whether one more program of ordinary size fits beside programs of so many bytes, and what it places beside what they have placed. */
  hasRoom(size: number): boolean {
    return size < this.room / 2 && this.#placed < placedLength / 2;
  }

  /**
   * Runs programs at once, in tasks that do not wait for each other. All have ended when it returns. @throws as run, for the first of them
   * that failed
   */
  runAll(tasks: readonly ScratchTask[]): Outcome[] {
    signOfLife();
    const places = new Float64Array(2 * tasks.length);
    let at = programOffset;
    const memories = tasks.map(({ program }, i) => {
      const memory = new Uint8Array(this.#memory, at, Math.min(program.size, placedOffset - at));
      program.encode(memory);
      places.set([at, program.length], 2 * i);
      at += (program.size + 63) & ~63;
      return memory;
    });
    this.#placed = 0;
    const results = new Int32Array(tasks.length);
    native.runShells(
      Int32Array.from(tasks, ({ tid }) => tid),
      this.address,
      places,
      results,
    );
    return tasks.map(({ program, where }, i) => {
      const result = results[i] ?? 0;
      if (result < 0) throw shellLost(where, result);
      return program.outcome(memories[i] ?? new Uint8Array(), where);
    });
  }

  /** What was placed for a call outside of programs is not needed any more. */
  forgetPlaced(): void {
    this.#placed = 0;
  }

  /** Address of one system call and an endless loop behind it, for calls that may sleep: whoever runs it interrupts the thread. */
  syscallSnippet(): number {
    return this.address + snippetOffset;
  }

  /** Runs a program that ends its own task: nothing comes back. */
  runToEnd(tid: number, program: Program): void {
    this.#encode(program);
    native.runShell(tid, this.address, programOffset, program.length, this.#born);
  }

  close(): void {
    native.closeFd(this.fd);
  }

  #encode(program: Program): Uint8Array<ArrayBuffer> {
    const memory = new Uint8Array(this.#memory, programOffset, this.room);
    program.encode(memory);
    this.#placed = 0;
    return memory;
  }
}

function createMemfd(): number {
  for (const flags of [memfdCloexec | memfdExec, memfdCloexec]) {
    const program = new Program();
    const created = program.attempt('memfd_create', program.cstring('godwit-scratch'), flags);
    program.attempt('ftruncate', created, scratchLength);
    const fd = runLocal(program).number(created);
    if (fd >= 0) return fd;
  }
  throw new GodwitError('NO_SPACE', 'no scratch memory: memfd_create failed');
}

function shellLost(where: string, errno: number): GodwitError {
  return new GodwitError('NO_PROCESS', `${where}: the shell ended under a program (${errnoName(errno)})`, {
    hint: 'was it killed by hand, or did memory run out on the target?',
  });
}

/**
 * The lowest multiple of `alignment` where `length` bytes are free of all `taken` ranges (in any order).
 * @throws GodwitError LIMIT when there is none.
 */
export function findHole(taken: Iterable<Range>, length: number, alignment = pageSize): number {
  const sorted = [...taken].sort((a, b) => a.start - b.start);
  const aligned = (address: number): number => Math.ceil(address / alignment) * alignment;
  let candidate = aligned(lowest);
  for (const range of sorted) {
    // A page is left free on both sides: a stack's guard gap is the kernel's business, not ours.
    if (range.start - pageSize >= candidate + length) return candidate;
    candidate = aligned(Math.max(candidate, range.end + pageSize));
  }
  if (candidate + length <= userEnd) return candidate;
  throw new GodwitError('LIMIT', `no ${length} bytes of address space are free in all processes of the tree`);
}

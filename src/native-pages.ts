// The typed face of native/binding/pages_binding.cc: loops over pages. Ranges cross in Float64Arrays that the
// caller owns: pairs [start address, length in bytes], whole pages, unless said otherwise. Failures are negative errnos.
// A `cursor` is [index of the range, address inside it or 0]: begin with zeros, call again until index = count.

/** How ownedRuns looks: PAGEMAP_SCAN without or with file pages, or classic /proc/PID/pagemap. */
export const ownedMethod = { scanAnonymous: 0, scanFile: 1, classic: 2 } as const;
export type OwnedMethod = (typeof ownedMethod)[keyof typeof ownedMethod];

/** Where readPages and readChanged put their figures in `result`. */
export const pageReadField = { keptRuns: 0, payload: 1, zeroRuns: 2, zeroPages: 3, gonePages: 4 } as const;

/** A sparse set of pages, kept natively. */
export interface NativePageSet {
  add(runs: Float64Array, count: number): void;
  remove(runs: Float64Array, count: number): void;
  addSet(other: NativePageSet): void;
  removeSet(other: NativePageSet): void;
  /**
   * Adds all pages that PAGEMAP_SCAN reports as written in mappings registered with a userfaultfd, and protects them again in
   * the same step if `protect`. 0 or negative errno (-ESRCH: the address space is gone).
   */
  addWritten(pagemapFd: number, protect: boolean): number;
  /** As addWritten without `protect`; where the sorted ranges are much, only inside them, by several threads at once. For frozen processes. */
  addWrittenInside(pagemapFd: number, ranges: Float64Array, count: number): number;
  /** As addWritten with `protect`, but for what is empty: that is neither reported, nor is a note left there (pte_marker). */
  protectWrittenPages(pagemapFd: number): number;
  /**
   * Adds, of those pages, the ones that are present or really swapped and not the zero page, without protecting. Clean pages of
   * files are not told apart. In one walk; for frozen processes.
   */
  addWrittenOwned(pagemapFd: number): number;
  /** Adds the pages inside the sorted ranges that are the process's own (see ownedRuns); several threads look. 0 or negative errno. */
  addOwned(pagemapFd: number, ranges: Float64Array, count: number, method: OwnedMethod): number;
  /**
   * Adds the pages inside the sorted ranges that are the process's own (see ownedRuns, classic); those whose soft-dirty bit is set
   * are added to `softDirty` too. One walk. 0 or negative errno (-ESRCH: the address space is gone).
   */
  addOwnedWords(pagemapFd: number, ranges: Float64Array, count: number, softDirty: NativePageSet): number;
  /**
   * Adds the guard pages (MADV_GUARD_INSTALL, Linux 6.13) inside the sorted ranges, by the classic pagemap. 0 or negative errno
   * (-ESRCH: the address space is gone).
   */
  addGuardWords(pagemapFd: number, ranges: Float64Array, count: number): number;
  /** Adds all guard pages of the address space by PAGEMAP_SCAN. 0 or negative errno (-EINVAL: before Linux 6.15). */
  addGuards(pagemapFd: number): number;
  clear(): void;
  /** How many pages are in the set. */
  pages(): number;
  /** Runs of the set inside the ranges; returns how many. */
  runs(ranges: Float64Array, count: number, out: Float64Array, cursor: Float64Array): number;
  /**
   * Has what the next call of `unbacked` will have to look for looked for by a thread, where it is much. Nothing may change in the process
   * until then.
   */
  beginUnbacked(pagemapFd: number): void;
  /**
   * Runs of the set in 2 MiB blocks without a page table in the process. `next[0]` is where to go on, 0 when complete.
   */
  unbacked(pagemapFd: number, out: Float64Array, next: Float64Array): number;
}

export interface NativePages {
  readonly PageSet: new () => NativePageSet;

  /**
   * process_vm_readv of the runs into `out`, one after the other. Returns bytes read; fewer than asked means that the
   * page behind them faulted (unmapped meanwhile, or not readable). Negative errno when nothing was read. Any bytes, not
   * only whole pages.
   */
  readMemory(pid: number, runs: Float64Array, runCount: number, out: Uint8Array): number;
  /** process_vm_writev; as readMemory. */
  writeMemory(pid: number, runs: Float64Array, runCount: number, data: Uint8Array): number;
  /** pread/pwrite of an open /proc/PID/mem: works on any protection. */
  readMem(fd: number, address: number, out: Uint8Array): number;
  writeMem(fd: number, address: number, data: Uint8Array): number;
  /**
   * writeMemory with /proc/PID/mem where it faults; all of `data` or an error: 0, or negative errno with the address in
   * failed[0]. `data` is exactly as long as the runs.
   */
  writePages(
    pid: number,
    memFd: number,
    runs: Float64Array,
    runCount: number,
    data: Uint8Array,
    failed: Float64Array,
  ): number;
  /**
   * Like writePages, but a page that already has this content is left alone (it stays shared by copy-on-write).
   * `data` null means zeros. Returns pages written.
   */
  writeDifferent(
    pid: number,
    memFd: number,
    runs: Float64Array,
    runCount: number,
    data: Uint8Array | null,
    failed: Float64Array,
  ): number;
  /**
   * Fills `payload` (whole pages) from the cursor on: pages of zeros are taken out into `zero`, pages that are gone are left
   * out, the rest lies in `payload` as `kept` says. Both have room for one run for each page. What is shared by copy-on-write stays
   * shared. Returns 0 or negative errno.
   */
  readPages(
    pid: number,
    memFd: number,
    pagemapFd: number,
    runs: Float64Array,
    runCount: number,
    cursor: Float64Array,
    payload: Uint8Array,
    kept: Float64Array,
    zero: Float64Array,
    result: Float64Array,
  ): number;
  /**
   * Reads `payload.length` bytes of a file at `offset` and keeps pages whose hash differs from hashes[i] (0: never sent, the
   * target has a hole), noting the new ones. Runs are offsets in the file. As readPages otherwise.
   */
  readChanged(
    fd: number,
    offset: number,
    hashes: BigUint64Array,
    payload: Uint8Array,
    kept: Float64Array,
    zero: Float64Array,
    result: Float64Array,
  ): number;
  /** fallocate(2) with PUNCH_HOLE and KEEP_SIZE. */
  punchHole(fd: number, offset: number, length: number): number;
  /** Next data of a sparse file: out = [start, end]; 0, or -ENXIO when there is none behind `offset`. */
  seekData(fd: number, offset: number, out: Float64Array): number;

  /**
   * PAGEMAP_SCAN (Linux 6.7). `out` receives triples [start, end, categories]; returns how many; `next[0]` is where to go on,
   * or 0 when the range is complete (complete means: fewer regions than fit).
   */
  pagemapScan(
    pagemapFd: number,
    start: number,
    end: number,
    options: {
      readonly protect: boolean;
      readonly required: number;
      readonly anyOf: number;
      readonly inverted: number;
      readonly returned: number;
    },
    out: Float64Array,
    next: Float64Array,
  ): number;
  /** UFFDIO_API with features; 0 or negative errno. */
  uffdApi(fd: number, features: number): number;
  /** UFFDIO_REGISTER in write-protect mode. */
  uffdRegisterWp(fd: number, start: number, length: number): number;
  /** The same in missing mode, of whole mappings (native/sys/userfault_missing.h). */
  uffdRegisterMissing(fd: number, start: number, length: number): number;
  uffdUnregister(fd: number, start: number, length: number): number;
  /**
   * Registers each range (one mapping each) that is not registered yet, with all else that is mapped in its stretch by then
   * (native/sys/userfault.h). status[i]: 0 it was, 1 it is now, or negative errno. `first`: this descriptor has registered
   * nothing so far. `clear`: old write protection is removed. Returns how many are new, negative errno when the space is gone.
   */
  uffdRegisterNew(
    uffd: number,
    pagemapFd: number,
    ranges: Float64Array,
    stretches: Float64Array,
    count: number,
    first: boolean,
    clear: boolean,
    status: Int32Array,
  ): number;

  /** Reads /proc/PID/pagemap entries of [start, start + count pages) as raw 64-bit words. Returns entries read. */
  pagemapRead(pagemapFd: number, start: number, count: number, out: BigUint64Array): number;
  /** Runs [start, length] of pages in [start,end) whose pagemap word has all bits of `all`, one of `any` (0: do not care), and none of `none`. */
  pagemapRuns(
    pagemapFd: number,
    start: number,
    end: number,
    all: bigint,
    any: bigint,
    none: bigint,
    out: Float64Array,
    next: Float64Array,
  ): number;
  /**
   * Runs of pages inside the sorted ranges that are the process's own: present or really swapped, no clean page of a file,
   * not the zero page. Returns how many. What is not present and hidden from us (see source/pages/hidden-pages.ts) counts, unless only
   * what is proven shall.
   */
  ownedRuns(
    pagemapFd: number,
    ranges: Float64Array,
    count: number,
    method: OwnedMethod,
    out: Float64Array,
    cursor: Float64Array,
    proven?: boolean,
  ): number;
  /** Runs where both processes map the same page frame (needs CAP_SYS_ADMIN, else none). */
  sameFrames(
    pagemapFdA: number,
    pagemapFdB: number,
    ranges: Float64Array,
    count: number,
    out: Float64Array,
    cursor: Float64Array,
  ): number;

  /**
   * Zeroed memory that begins at a page. Pages are read into it three times as fast as into what Node allocates, which begins 16
   * bytes behind one (process_vm_readv, Linux 6.18: 4.6 against 1.5 GB for each CPU-second). Negative errno: no memory.
   */
  alignedMemory(length: number): ArrayBuffer | number;

  /** XXH3-64 of each 4096-byte page. */
  hashPages(data: Uint8Array, out: BigUint64Array): void;
  /** By AVX2 where the processor has it. */
  xxh3(data: Uint8Array): bigint;
  /** The same number by what any processor has, for tests. */
  xxh3Portable(data: Uint8Array): bigint;
  /** XXH3-64 of a file's content from its descriptor; negative errno as a negative bigint. */
  xxh3File(fd: number): bigint;
  /** Marks out[i] = 1 for each 4096-byte page of `data` that is all zero; returns how many are. */
  zeroPages(data: Uint8Array, out: Uint8Array): number;
}

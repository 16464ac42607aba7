// The typed face of native/binding/process_binding.cc: ptrace, remote programs, and descriptors of others.
// Every function returns a negative errno as a number for a failure that can be expected (the process is gone,
// no rights); none throws for those. ptrace is bound to the OS thread that seized: call from the main thread only.

/** Signature of a wait status decoded by {@link NativeProcess.waitStop}. */
export interface StopStatus {
  /** 'stopped' with `signal` and `event` (PTRACE_EVENT_*), or the end of the task. */
  readonly kind: 'stopped' | 'exited' | 'killed' | 'timeout' | 'gone';
  /** Stop signal, exit code, or the signal that killed. */
  readonly value: number;
  /** PTRACE_EVENT_* (128 = PTRACE_EVENT_STOP), 0 when none. */
  readonly event: number;
}

/** Where registers stand in the array of getRegs: struct user_regs_struct of x86-64. */
export const registerIndex = {
  r15: 0, r14: 1, r13: 2, r12: 3, rbp: 4, rbx: 5, r11: 6, r10: 7, r9: 8, r8: 9, rax: 10, rcx: 11, rdx: 12, rsi: 13,
  rdi: 14, origRax: 15, rip: 16, cs: 17, eflags: 18, rsp: 19, ss: 20, fsBase: 21, gsBase: 22, ds: 23, es: 24, fs: 25, gs: 26,
} as const; // prettier-ignore
export const registerCount = 27;

export interface NativeProcess {
  /** PTRACE_SEIZE with options (PTRACE_O_*). */
  seize(tid: number, options: number): number;
  setOptions(tid: number, options: number): number;
  interrupt(tid: number): number;
  cont(tid: number, signal: number): number;
  detach(tid: number, signal: number): number;
  /**
   * Lets stopped threads go on as if nobody had looked: calls that a stop ends with EINTR are issued again. One that has died meanwhile
   * needs nothing.
   */
  letGo(tids: Int32Array): void;
  /** Waits for a ptrace stop of `tid` (waitpid with __WALL), at most `timeoutMs`. */
  waitStop(tid: number, timeoutMs: number): StopStatus;
  /** The signal whose job-control stop holds a ptrace-stopped task, 0 when none does. */
  groupStop(tid: number): number;
  /**
   * Seizes and interrupts every task, then waits for all of them. Returns for each task 0, or a negative errno
   * (-ESRCH: gone, -EPERM: no rights or traced by another, -ETIMEDOUT: does not stop). Those that stopped stay stopped.
   */
  stopAll(tids: Int32Array, options: number, timeoutMs: number): Int32Array;
  getRegs(tid: number, out: BigUint64Array): number;
  setRegs(tid: number, registers: BigUint64Array): number;
  /** NT_X86_XSTATE; returns the length in bytes. */
  getXstate(tid: number, out: Uint8Array): number;
  setXstate(tid: number, state: Uint8Array): number;
  /** 0 or negative errno; the mask in out[0]. */
  getSigmask(tid: number, out: BigUint64Array): number;
  setSigmask(tid: number, mask: bigint): number;
  /** PTRACE_PEEKSIGINFO: writes siginfo_t records of 128 bytes each; returns how many. */
  peekSiginfo(tid: number, shared: boolean, out: Uint8Array): number;
  /** out: [area, size, signature, flags] (PTRACE_GET_RSEQ_CONFIGURATION, Linux 5.13). */
  getRseq(tid: number, out: BigUint64Array): number;
  /** get_robust_list(2): out = [head, length]. */
  getRobustList(tid: number, out: BigUint64Array): number;
  /**
   * PTRACE_SECCOMP_GET_FILTER, the oldest first: writes instructions of 8 bytes when they fit; returns how many there are.
   * -EINVAL: no filters; -ENOENT: not so many; -EACCES: no CAP_SYS_ADMIN.
   */
  getSeccompFilter(tid: number, index: number, out: Uint8Array): number;
  /** PTRACE_SECCOMP_GET_METADATA: SECCOMP_FILTER_FLAG_*. */
  getSeccompFlags(tid: number, index: number): number;

  /** The position-independent interpreter of operations, see native/stub/stub.S. */
  stubCode(): Uint8Array;
  /** mmap(MAP_SHARED) of a descriptor into the agent; unmapped when the buffer is collected. */
  mapShared(fd: number, length: number): ArrayBuffer | number;
  /** Executes operations in this very process. The buffer holds operations and data; returns the index that failed, or -1. */
  runLocal(buffer: Uint8Array, count: number): number;
  /**
   * Executes operations in a ptrace-stopped shell whose address `base` shows the shared scratch memory (stub code at
   * its start, operations at `base + offset`). Tasks born by clone3 in it are attached, stopped, and their PIDs (as
   * seen by the agent) are written to `born`. Returns the number of tasks born, or a negative errno (-ECHILD: the shell died).
   */
  runShell(tid: number, base: number, offset: number, count: number, born: Int32Array): number;
  /**
   * The same in several shells at once, no tasks being born: `programs` holds offset and count of each, `results` what runShell would return.
   */
  runShells(tids: Int32Array, base: number, programs: Float64Array, results: Int32Array): void;
  /** One system call by a single step over a `syscall` instruction at `address`; only for shells. */
  stepSyscall(tid: number, address: number, nr: number, args: BigUint64Array): bigint;
  /** The same call in several shells at once. */
  stepSyscalls(
    tids: Int32Array,
    addresses: Float64Array,
    nr: number,
    args: BigUint64Array,
    results: BigInt64Array,
  ): void;

  /**
   * Prepares remote programs in a live, ptrace-stopped process: maps scratch memory of `length` bytes in it, at `place` if that
   * is free, by code in the zero tail of its vdso that cures itself. Returns [address, fd of the memory], or a negative errno. Without `mapFiles` all
   * threads of the process must be stopped: it has a descriptor for a moment.
   */
  liveOpen(
    pid: number,
    tid: number,
    vdso: number,
    vdsoLength: number,
    place: number,
    length: number,
    mapFiles: boolean,
  ): [number, number] | number;
  /** Executes operations in a live thread, then puts registers and mask back. 0 or negative errno. */
  runLive(tid: number, base: number, memory: ArrayBuffer, offset: number, count: number): number;
  /** The same in several processes at once, each with scratch memory of its own; `results` holds what runLive would return. */
  runLives(
    tids: Int32Array,
    bases: Float64Array,
    memories: readonly ArrayBuffer[],
    offset: number,
    counts: Float64Array,
    results: Int32Array,
  ): void;
  /** Unmaps the scratch memory of liveOpen. */
  liveClose(pid: number, tid: number, vdso: number, vdsoLength: number, base: number, length: number): number;

  /** `flags`: PIDFD_*. */
  pidfdOpen(pid: number, flags?: number): number;
  /** A pidfd of a process that has ended and was reaped. */
  endedPidfd(flags: number): number;
  pidfdGetfd(pidfd: number, fd: number): number;
  pidfdSendSignal(pidfd: number, signal: number): number;
  kcmp(pid1: number, pid2: number, type: number, a: number, b: number): number;
  closeFd(fd: number): number;
}

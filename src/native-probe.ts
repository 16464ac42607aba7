// The typed face of native/binding/probe_binding.cc: what this kernel lets this user do, found by trying it.

export const nativeProbeNames = [
  'pagemap-scan',
  'userfaultfd-wp-async',
  'soft-dirty',
  'procmap-query',
  'process-vm',
  'map-files',
  'page-frames',
  'guard-regions',
  'mseal',
  'protection-keys',
  'pidfd-getfd',
  'clone3-set-tid',
  'new-pid-namespace',
  'new-user-namespace',
  'new-time-namespace',
  'change-user',
  'set-mm-map',
  'kcmp',
  'timer-restore-ids',
  'raise-limits',
  'lower-oom-score',
  'tcp-repair',
  'tcp-peek-off',
  'ptrace-seize',
  'ptrace-rseq',
  'ptrace-suspend-seccomp',
  'vdso-remap',
  'vdso-patch',
  'unix-diag',
  'inet-diag',
] as const;
export type NativeProbeName = (typeof nativeProbeNames)[number];

export interface NativeProbe {
  /**
   * Tries the facility, in a throw-away child where it could do harm. 0, or a negative errno (-ENODATA: the kernel accepted the
   * order and did not do it). Blocks for some milliseconds. Call from the main thread only (ptrace).
   */
  probe(name: NativeProbeName): number;
  /** Freezes and thaws a child in the new cgroup `directory`, which is removed again. 0 or a negative errno. */
  probeFreezer(directory: string): number;
  /** Bytes of zeros at the end of this process's vdso, or a negative errno. */
  vdsoTail(): number;
  /** Bytes of the extended state (XCR0) of a thread, as NT_X86_XSTATE has it. */
  xsaveSize(): number;
  /** XCR0. */
  xsaveFeatures(): bigint;
  /**
   * How far the clock of a CPU's run queue (se.exec_start of what runs there) is ahead of CLOCK_MONOTONIC, nanoseconds; mostly negative.
   * Never more than it is. Undefined where the kernel does not tell or no thread of ours may run. Blocks for 0.1 ms.
   */
  schedulerAhead(cpu: number): bigint | undefined;
}

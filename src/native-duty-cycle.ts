// The typed face of native/binding/duty_cycle_binding.cc: processes that run for a part of the time only.

/** Since it was made. */
export interface DutyTally {
  readonly periods: number;
  /** Threads that were stopped, all periods together. */
  readonly stops: number;
  /** Microseconds in which they were to stand. */
  readonly offUs: number;
  readonly wholeUs: number;
}

export interface NativeDutyCycle {
  /**
   * From now on those threads of the processes that run do so for `onUs` of each period only, and stand for `offUs`. A thread of
   * the agent sees to it; until `halt` nobody else can trace them.
   */
  run(onUs: number, offUs: number): void;
  /** When it returns all of them run, and nobody traces them: 0.1 ms, at most 0.2 s. It may run again. */
  halt(): DutyTally;
}

export interface NativeDutyCycles {
  readonly DutyCycle: new (pids: Int32Array) => NativeDutyCycle;
}

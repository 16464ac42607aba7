// When a thread went to sleep, on CLOCK_MONOTONIC. The scheduler notes it on the clock of the CPU, and each CPU has its own: what
// a hypervisor steals from one (and interrupts, where they are accounted for) does not count there. After an hour two CPUs of
// one virtual machine were half a second apart, and ever more behind CLOCK_MONOTONIC (measured on 6.18).
import { native } from '../../native.ts';

/** One look at the CPUs: a clock that falls behind further meanwhile makes what is computed late, never early. */
export class SchedulerClocks {
  readonly #ahead = new Map<number, bigint | undefined>();

  /**
   * `execStart`: se.exec_start, milliseconds, read before the first question for this CPU. Nanoseconds; undefined when this CPU's
   * clock is not to be had.
   */
  monotonic(cpu: number, execStart: number): bigint | undefined {
    if (!this.#ahead.has(cpu)) this.#ahead.set(cpu, native.schedulerAhead(cpu));
    const ahead = this.#ahead.get(cpu);
    return ahead === undefined ? undefined : BigInt(Math.round(execStart * 1e6)) - ahead;
  }
}

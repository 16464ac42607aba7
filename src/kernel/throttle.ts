// Slows processes down: their threads that run stand for a part of each short period (native/sys/duty_cycle.h). Whoever has to stop
// one of them itself pauses that: a task has one tracer. Must not decide who and how much: that is source/throttle-policy.ts.
import { native } from '../native.ts';
import type { DutyTally, NativeDutyCycle } from '../native-duty-cycle.ts';

/** Half of the time is spent in steps of 10 ms; a program's clients hardly see those. Milliseconds. */
const longestOnMs = 20;
const shortestOnMs = 1;
const usPerMs = 1000;

/** The parts of a period in which `share` (0 to 1, both excluded) of the time is off, in milliseconds: 20 to 100 in all. */
export function dutyOf(share: number): { readonly onMs: number; readonly offMs: number } {
  const onMs = Math.max(shortestOnMs, longestOnMs * (1 - share));
  return { onMs, offMs: (onMs * share) / (1 - share) };
}

export class Throttle implements Disposable {
  #cycle: NativeDutyCycle | undefined;
  #pids: readonly number[] = [];
  #share = 0;
  #pauses = 0;
  #isOver = false;

  /** Which part of the time the slowed processes stand: 0, none is slowed. */
  get share(): number {
    return this.#share;
  }

  /** From now on these, and no others, stand for `share` of the time. Our own children are never slowed. */
  slow(pids: readonly number[], share: number): void {
    if (this.#isOver) return;
    const areSame =
      pids.length === this.#pids.length && pids.every((pid, index) => pid === this.#pids[index]);
    if (areSame && share === this.#share) return;
    this.#cycle?.halt();
    if (!areSame) this.#cycle = undefined;
    this.#pids = pids;
    this.#share = share;
    this.#go();
  }

  /** Until it is disposed of every process runs, and anybody may trace it. */
  pause(): Disposable {
    if (this.#pauses++ === 0) this.#cycle?.halt();
    return {
      [Symbol.dispose]: () => {
        if (--this.#pauses === 0) this.#go();
      },
    };
  }

  /** For good: all run at their full speed when it returns. What came of it, if anything was slowed. */
  end(): DutyTally | undefined {
    this.#isOver = true;
    const tally = this.#cycle?.halt();
    this.#cycle = undefined;
    this.#share = 0;
    return tally;
  }

  [Symbol.dispose](): void {
    this.end();
  }

  #go(): void {
    if (this.#isOver || this.#pauses > 0 || this.#share === 0) return;
    this.#cycle ??= new native.DutyCycle(Int32Array.from(this.#pids));
    const { onMs, offMs } = dutyOf(this.#share);
    this.#cycle.run(Math.round(onMs * usPerMs), Math.round(offMs * usPerMs));
  }
}

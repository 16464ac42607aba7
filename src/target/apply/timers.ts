// Interval timers and POSIX timers, with their IDs, wound to what is left of them.
import type { IntervalTimer, PosixTimer, Timers } from '../../images/timers.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { Program } from '../../kernel/program.ts';
import { nsPerSec } from '../../units.ts';

const itimerReal = 0;
const cpuTimeClocks: ReadonlySet<number> = new Set([2, 3]); // CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID
/** Linux 6.16: timer_create takes the ID that it finds in its third argument. */
const prTimerCreateRestoreIds = 77;
const restoreIdsOff = 0;
const restoreIdsOn = 1;
const restoreIdsGet = 2;

/** Nanoseconds left after `passed`; 0: not armed. What is overdue fires at once. */
export function timeLeft(remaining: bigint, passed: bigint): bigint {
  if (remaining <= 0n) return 0n;
  return remaining > passed ? remaining - passed : 1n;
}

/** Calls that arm them; `passed`: nanoseconds since the timers were read. */
export function armTimers(program: Program, { intervals, posix }: Timers, passed: bigint): void {
  for (const timer of intervals) armInterval(program, timer, passed);
  if (posix.length === 0) return;
  const sorted = posix.toSorted((a, b) => a.id - b.id);
  if (canChooseIds()) {
    program.call('prctl', prTimerCreateRestoreIds, restoreIdsOn, 0, 0, 0);
    for (const timer of sorted) create(program, timer, timer.id);
    program.call('prctl', prTimerCreateRestoreIds, restoreIdsOff, 0, 0, 0);
  } else countUp(program, sorted);
  for (const timer of sorted) armPosix(program, timer, passed);
}

/** CPU-time timers count CPU time: the outage takes nothing off. */
function armInterval(program: Program, { which, remaining, interval }: IntervalTimer, passed: bigint): void {
  if (remaining === 0n && interval === 0n) return;
  const left = timeLeft(remaining, which === itimerReal ? passed : 0n);
  program.call('setitimer', which, program.words(...microtime(interval), ...microtime(left)), 0);
}

/** Older kernels number a process's timers upwards from 0: those in between are created and deleted. */
function countUp(program: Program, sorted: readonly PosixTimer[]): void {
  let next = 0;
  for (const timer of sorted) {
    for (; next < timer.id; next++) {
      create(program, timer, 0);
      program.call('timer_delete', next);
    }
    create(program, timer, 0);
    next++;
  }
}

/** struct sigevent: value, signal, how to notify, the thread; 64 bytes. */
function create(program: Program, { clock, value, signal, notify, thread }: PosixTimer, id: number): void {
  const event = new DataView(new ArrayBuffer(64));
  event.setBigUint64(0, value, true);
  event.setInt32(8, signal, true);
  event.setInt32(12, notify, true);
  event.setInt32(16, thread, true);
  program.call('timer_create', clock, program.bytes(new Uint8Array(event.buffer)), program.words(id));
}

function armPosix(program: Program, { id, clock, remaining, interval }: PosixTimer, passed: bigint): void {
  const left = timeLeft(remaining, cpuTimeClocks.has(clock) || clock < 0 ? 0n : passed);
  if (left === 0n) return;
  const value = program.words(interval / nsPerSec, interval % nsPerSec, left / nsPerSec, left % nsPerSec);
  program.call('timer_settime', id, 0, value, 0);
}

let idsCanBeChosen: boolean | undefined;
function canChooseIds(): boolean {
  if (idsCanBeChosen === undefined) {
    const program = new Program();
    const answer = program.attempt('prctl', prTimerCreateRestoreIds, restoreIdsGet, 0, 0, 0);
    idsCanBeChosen = runLocal(program).number(answer) >= 0;
  }
  return idsCanBeChosen;
}

/** Seconds and microseconds, rounded up. */
function microtime(nanoseconds: bigint): [bigint, bigint] {
  const microseconds = (nanoseconds + 999n) / 1000n;
  return [microseconds / 1_000_000n, microseconds % 1_000_000n];
}

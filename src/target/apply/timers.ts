// Interval timers and POSIX timers, with their IDs, wound to what is left of them.
import type { IntervalTimer, PosixTimer, Timers } from '../../images/timers.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { Program } from '../../kernel/program.ts';
import { nsPerSec } from '../../units.ts';

const itimerReal = 0;
const sigalrm = 14;
const siKernel = 0x80;
const timerAbsolute = 1;
const clockRealtime = 0;
const clockMonotonic = 1;
const clockBoottime = 7;
const clockBoottimeAlarm = 9;
const clockTai = 11;
const cpuTimeClocks: ReadonlySet<number> = new Set([2, 3]); // CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID
/** Linux 6.16: timer_create takes the ID that it finds in its third argument. */
const prTimerCreateRestoreIds = 77;
const restoreIdsOff = 0;
const restoreIdsOn = 1;
const restoreIdsGet = 2;

/** Nanoseconds left after `passed`; 0: not armed. What is overdue fires at once. */
export function timeLeft(remaining: bigint, passed: bigint): bigint {
  if (remaining === 0n) return 0n;
  return remaining > passed ? remaining - passed : 1n;
}

/** Calls that arm them; `now`: the tree's CLOCK_MONOTONIC, nanoseconds. Returns the signals that are due. */
export function armTimers(program: Program, timers: Timers, now: () => bigint): Uint8Array<ArrayBuffer>[] {
  const { intervals, posix, readAt } = timers;
  const passed = now() - readAt;
  const due = intervals.flatMap((timer) => armInterval(program, timer, passed));
  if (posix.length > 0) armAllPosix(program, timers, now);
  return due;
}

/** SIGALRM. */
export function isAlarm(info: Uint8Array): boolean {
  return new DataView(info.buffer, info.byteOffset).getInt32(0, true) === sigalrm;
}

function armAllPosix(program: Program, timers: Timers, now: () => bigint): void {
  const { posix } = timers;
  const sorted = posix.toSorted((a, b) => a.id - b.id);
  if (canChooseIds()) {
    program.call('prctl', prTimerCreateRestoreIds, restoreIdsOn, 0, 0, 0);
    for (const timer of sorted) create(program, timer, timer.id);
    program.call('prctl', prTimerCreateRestoreIds, restoreIdsOff, 0, 0, 0);
  } else countUp(program, sorted);
  for (const timer of sorted) armPosix(program, timer, timers, now);
}

/** CPU-time timers count CPU time: the outage takes nothing off. One that repeats goes on in the same steps. */
function armInterval(
  program: Program,
  { which, remaining, interval }: IntervalTimer,
  passed: bigint,
): Uint8Array<ArrayBuffer>[] {
  if (remaining === 0n && interval === 0n) return [];
  const overdue = passed - remaining;
  const isDue = which === itimerReal && interval > 0n && overdue >= 0n;
  const left = isDue
    ? interval - (overdue % interval)
    : timeLeft(remaining, which === itimerReal ? passed : 0n);
  program.call('setitimer', which, program.words(...microtime(interval), ...microtime(left)), 0);
  if (!isDue) return [];
  const info = new DataView(new ArrayBuffer(128));
  info.setInt32(0, sigalrm, true);
  info.setInt32(8, siKernel, true);
  return [new Uint8Array(info.buffer)];
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

/** One that is overdue and repeats is armed for when it was due: the kernel counts what it has missed since. */
function armPosix(
  program: Program,
  { id, clock, remaining, interval }: PosixTimer,
  timers: Timers,
  now: () => bigint,
): void {
  if (remaining === 0n) return;
  const isCpuTime = cpuTimeClocks.has(clock) || clock < 0;
  const passed = isCpuTime ? 0n : now() - timers.readAt;
  const isOverdue = remaining <= passed && interval > 0n && !isCpuTime;
  const at = isOverdue ? nowOf(clock, timers, now) + remaining - passed : timeLeft(remaining, passed);
  const value = program.words(interval / nsPerSec, interval % nsPerSec, at / nsPerSec, at % nsPerSec);
  program.call('timer_settime', id, isOverdue ? timerAbsolute : 0, value, 0);
}

/** A clock as the tree sees it, nanoseconds. */
function nowOf(clock: number, { boottimeAhead }: Timers, now: () => bigint): bigint {
  if (clock === clockMonotonic) return now();
  if (clock === clockBoottime || clock === clockBoottimeAlarm) return now() + boottimeAhead;
  const program = new Program();
  const time = program.room(16);
  program.call('clock_gettime', clock === clockTai ? clockTai : clockRealtime, time);
  const [seconds = 0n, nanoseconds = 0n] = runLocal(program).words(time);
  return seconds * nsPerSec + nanoseconds;
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

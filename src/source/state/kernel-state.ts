// What only the process itself can tell, as questions that are added to a program: of a process, and of each thread.
import type { SpaceControls, ThreadControls } from '../../images/controls.ts';
import type { AlternateStack, SignalAction } from '../../images/signals.ts';
import type { IntervalTimer, PosixTimer, Timers } from '../../images/timers.ts';
import type { Data, Outcome, Program, Result } from '../../kernel/program.ts';
import type { PosixTimerInfo } from '../../kernel/proc/timers.ts';
import { nsPerSec } from '../../units.ts';
import { askSpaceControls, askThreadControls } from './controls.ts';
import { askProtectionKeys } from './protection-keys.ts';

// linux/prctl.h
const prGetDumpable = 3;
const prGetSecurebits = 27;
const prGetTimerSlack = 30;
const prGetPdeathsig = 2;
const prGetChildSubreaper = 37;
const prGetTidAddress = 40;
const prGetThpDisable = 42;

export interface OwnProcessState {
  /** Without the default ones. */
  readonly actions: SignalAction[];
  readonly timers: Timers;
  /** The current program break; /proc shows only where it began. */
  readonly brk: number;
  readonly dumpable: number;
  readonly childSubreaper: boolean;
  readonly thpDisabled: boolean;
  /** A bit for each protection key that is allocated; undefined: this host has none. */
  readonly allocatedKeys: number | undefined;
  readonly controls: SpaceControls;
}

export interface OwnThreadState {
  readonly alternateStack: AlternateStack;
  readonly clearTid: bigint;
  readonly parentDeathSignal: number;
  readonly timerSlack: bigint;
  readonly securebits: number;
  readonly controls: ThreadControls;
}

const clockMonotonic = 1;
const clockBoottime = 7;

/** Preconditions: every thread of the process is stopped. */
export function askProcessState(
  program: Program,
  posixTimers: readonly PosixTimerInfo[],
): (outcome: Outcome) => OwnProcessState {
  const actions = range(1, 64).map((signal) => {
    const old = program.room(32);
    program.attempt('rt_sigaction', signal, 0, old, 8);
    return { signal, old };
  });
  const [monotonic, boottime] = [clockMonotonic, clockBoottime].map((clock) => {
    const time = program.room(16);
    program.call('clock_gettime', clock, time);
    return time;
  }) as [Data, Data];
  const intervals = range(0, 2).map((which) => {
    const value = program.room(32);
    program.call('getitimer', which, value);
    return { which, value };
  });
  const timers = posixTimers.map((info) => {
    const value = program.room(32);
    program.call('timer_gettime', info.id, value);
    return { info, value, overrun: program.attempt('timer_getoverrun', info.id) };
  });
  const brk = program.call('brk', 0);
  const dumpable = program.attempt('prctl', prGetDumpable);
  const subreaper = program.room(8);
  program.attempt('prctl', prGetChildSubreaper, subreaper);
  const thp = program.attempt('prctl', prGetThpDisable, 0, 0, 0, 0);
  const controls = askSpaceControls(program);
  const allocatedKeys = askProtectionKeys(program);
  return (outcome) => {
    const [readAt, boot] = [monotonic, boottime].map((time) => nanosecondsOf(outcome.words(time))) as [
      bigint,
      bigint,
    ];
    return {
      actions: actions
        .filter(({ old }) => !isDefault(outcome.view(old)))
        .map(({ signal, old }) => decodeAction(signal, outcome.words(old))),
      timers: {
        readAt,
        boottimeAhead: boot - readAt,
        intervals: intervals.map(({ which, value }) => decodeInterval(which, outcome.words(value))),
        posix: timers.map(({ info, value, overrun }) => decodePosix(info, outcome, value, overrun)),
      },
      brk: outcome.number(brk),
      dumpable: Math.max(0, outcome.number(dumpable)),
      childSubreaper: outcome.view(subreaper).getInt32(0, true) !== 0,
      thpDisabled: outcome.number(thp) > 0,
      allocatedKeys: allocatedKeys(outcome),
      controls: controls(outcome),
    };
  };
}

/** Preconditions: the program runs in the thread. */
export function askThreadState(program: Program): (outcome: Outcome) => OwnThreadState {
  const stack = program.room(24);
  program.call('sigaltstack', 0, stack);
  const clearTid = program.room(8);
  program.attempt('prctl', prGetTidAddress, clearTid); // needs CONFIG_CHECKPOINT_RESTORE, as every distribution has
  const deathSignal = program.room(8);
  program.call('prctl', prGetPdeathsig, deathSignal);
  const slack = program.call('prctl', prGetTimerSlack);
  const securebits = program.call('prctl', prGetSecurebits);
  const controls = askThreadControls(program);
  return (outcome) => {
    const [address = 0n, flags = 0n, size = 0n] = outcome.words(stack);
    return {
      alternateStack: { address, flags: Number(BigInt.asIntN(32, flags)), size },
      clearTid: outcome.words(clearTid)[0] ?? 0n,
      parentDeathSignal: outcome.view(deathSignal).getInt32(0, true),
      timerSlack: outcome.result(slack),
      securebits: outcome.number(securebits),
      controls: controls(outcome),
    };
  };
}

/** struct timespec. */
function nanosecondsOf([seconds = 0n, nanoseconds = 0n]: BigUint64Array): bigint {
  return seconds * nsPerSec + nanoseconds;
}

/** As every process begins: most are. The restorer means nothing then. */
function isDefault(action: DataView): boolean {
  const isZero = (word: number): boolean =>
    action.getUint32(8 * word, true) === 0 && action.getUint32(8 * word + 4, true) === 0;
  return isZero(0) && isZero(1) && isZero(3);
}

/** struct kernel_sigaction of x86-64: handler, flags, restorer, mask. */
function decodeAction(signal: number, words: BigUint64Array): SignalAction {
  const [handler = 0n, flags = 0n, restorer = 0n, mask = 0n] = words;
  return { signal, handler, flags, restorer, mask };
}

/**
 * struct itimerval: interval and value as seconds and microseconds. One that repeats and has no time left has just expired:
 * the kernel arms it again when its signal is taken (kernel/signal.c, dequeue_signal). It is due at once.
 */
function decodeInterval(which: number, words: BigUint64Array): IntervalTimer {
  const [intervalSec = 0n, intervalUs = 0n, sec = 0n, us = 0n] = words;
  const interval = intervalSec * nsPerSec + intervalUs * 1000n;
  const remaining = sec * nsPerSec + us * 1000n;
  return { which, interval, remaining: remaining === 0n && interval > 0n ? 1000n : remaining };
}

/** struct itimerspec: interval and value as seconds and nanoseconds. */
function decodePosix(info: PosixTimerInfo, outcome: Outcome, value: Data, overrun: Result): PosixTimer {
  const [intervalSec = 0n, intervalNs = 0n, sec = 0n, ns = 0n] = outcome.words(value);
  return {
    id: info.id,
    clock: info.clock,
    notify: info.notify,
    signal: info.signal,
    thread: info.thread,
    value: info.value,
    interval: intervalSec * nsPerSec + intervalNs,
    remaining: sec * nsPerSec + ns,
    overrun: Math.max(0, outcome.number(overrun)),
  };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

// POSIX timers that repeat and whose signal waits to be taken. The kernel counts what expires meanwhile when the signal is taken
// (timer_getoverrun(2), kernel/time/posix-timers.c), and shows that count to nobody before. So such a timer travels without its signal, as
// overdue since its first expiry in the freeze: the target's kernel queues the signal, and counts from there.
import type { PendingSignals } from '../../images/signals.ts';
import type { PosixTimer, Timers } from '../../images/timers.ts';

const siTimer = -2;
const processCpuTime = 2;
const threadCpuTime = 3;

export interface WaitingTimers {
  readonly timers: Timers;
  /** Without the signals of those timers. */
  readonly pending: readonly PendingSignals[];
}

/** Nanoseconds. */
export interface Moments {
  /** From the stop of the tree to the reading of its timers. */
  readonly stoppedFor: bigint;
  /** From there to the reading of what is pending. */
  readonly gap: bigint;
}

/**
 * `pending`: of the process and of each of its threads. A timer of milliseconds may be told one expiry too few, for the moment of the
 * stop is not known better. What had piled up behind a signal that the program itself blocks, before the stop, is not known.
 */
export function withoutTimerSignals(
  timers: Timers,
  pending: readonly PendingSignals[],
  { stoppedFor, gap }: Moments,
): WaitingTimers {
  const candidates = new Map(timers.posix.filter(isCandidate).map((timer) => [timer.id, timer]));
  const overdue = new Map<PosixTimer, bigint>();
  const isTold = (info: Uint8Array): boolean => {
    const timer = timerOf(info, candidates);
    if (timer === undefined) return false;
    const { remaining, interval } = timer;
    const missed = interval === 0n ? 0n : (remaining + stoppedFor) / interval;
    // It came between the two readings: as far as the timer was read, it is still to come.
    if (missed === 0n && remaining <= gap) return true;
    if (interval === 0n) return false;
    // The kernel has moved the expiry on to the next one that is to come (timer_gettime(2)).
    const since = remaining - (missed > 1n ? missed : 1n) * interval;
    overdue.set(timer, since === 0n ? -1n : since); // 0 says that it is not armed
    return true;
  };
  const kept = pending.map((infos) => infos.filter((info) => !isTold(info)));
  const posix = timers.posix.map((timer) => ({ ...timer, remaining: overdue.get(timer) ?? timer.remaining }));
  return { timers: { ...timers, posix }, pending: kept };
}

/** Armed, by a clock that goes on in the freeze; one that was set anew for later than its interval has not expired since. */
function isCandidate({ clock, remaining, interval }: PosixTimer): boolean {
  const isCpuTime = clock < 0 || clock === processCpuTime || clock === threadCpuTime;
  return remaining > 0n && !isCpuTime && (interval === 0n || remaining <= interval);
}

/** siginfo_t: si_signo, si_errno, si_code, and of a timer its ID at 16. */
function timerOf(info: Uint8Array, timers: ReadonlyMap<number, PosixTimer>): PosixTimer | undefined {
  const view = new DataView(info.buffer, info.byteOffset, info.length);
  if (view.getInt32(8, true) !== siTimer) return undefined;
  const timer = timers.get(view.getInt32(16, true));
  return timer?.signal === view.getInt32(0, true) ? timer : undefined;
}

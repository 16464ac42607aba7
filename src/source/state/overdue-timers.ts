// POSIX timers that repeat and whose signal waits to be taken. The kernel counts what expires meanwhile when the signal is taken
// (timer_getoverrun(2), kernel/time/posix-timers.c), and shows that count to nobody before. So such a timer travels without its signal, as
// overdue since its first expiry in the freeze: the target's kernel queues the signal, and counts from there.
import type { PendingSignals } from '../../images/signals.ts';
import type { PosixTimer, Timers } from '../../images/timers.ts';

const siTimer = -2;

export interface WaitingTimers {
  readonly timers: Timers;
  /** Without the signals of those timers. */
  readonly pending: readonly PendingSignals[];
}

/**
 * `pending`: of the process and of each of its threads; `stoppedFor`: nanoseconds from the stop of its threads to the reading of the
 * timers. A timer of milliseconds may be told one expiry too few, for the moment of the stop is not known better. What had piled up behind a signal that the program itself blocks, before the stop, is not known.
 */
export function withoutTimerSignals(
  timers: Timers,
  pending: readonly PendingSignals[],
  stoppedFor: bigint,
): WaitingTimers {
  const repeating = new Map(
    timers.posix
      .filter(({ interval, remaining }) => interval > 0n && remaining > 0n)
      .map((timer) => [timer.id, timer]),
  );
  const waiting = new Set<PosixTimer>();
  const kept = pending.map((infos) =>
    infos.filter((info) => {
      const timer = timerOf(info, repeating);
      if (timer !== undefined) waiting.add(timer);
      return timer === undefined;
    }),
  );
  const posix = timers.posix.map((timer) => {
    if (!waiting.has(timer)) return timer;
    // The kernel has moved the expiry on to the next one that is to come (timer_gettime(2)).
    const missed = (timer.remaining + stoppedFor) / timer.interval;
    return { ...timer, remaining: timer.remaining - (missed > 1n ? missed : 1n) * timer.interval };
  });
  return { timers: { ...timers, posix }, pending: kept };
}

/** siginfo_t: si_signo, si_errno, si_code, and of a timer its ID at 16. */
function timerOf(info: Uint8Array, timers: ReadonlyMap<number, PosixTimer>): PosixTimer | undefined {
  const view = new DataView(info.buffer, info.byteOffset, info.length);
  if (view.getInt32(8, true) !== siTimer) return undefined;
  const timer = timers.get(view.getInt32(16, true));
  return timer?.signal === view.getInt32(0, true) ? timer : undefined;
}

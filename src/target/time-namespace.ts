// The tree's clocks go on as the source's would: if they differ from this host's, the tree gets a time namespace, whose
// offsets are fixed before its first process (time_namespaces(7)).
import type { Clocks } from '../images/layout.ts';
import { readTimeOffsets, type ClockReading } from '../kernel/clocks.ts';
import type { TimeOffsets } from '../kernel/time-offsets.ts';
import { nsPerSec } from '../units.ts';

/** Two readings of the same clock, on their way from agent to agent, differ by less. */
const sameClock = 50_000_000n;

export interface TreeClock {
  /** undefined: the tree's clocks are this host's. */
  readonly offsets: TimeOffsets | undefined;
  /** How far its CLOCK_MONOTONIC is ahead of the agent's, nanoseconds. */
  readonly ahead: bigint;
}

/** `source` and `here` were read at the same instant. */
export function treeClock(source: Clocks, here: ClockReading, sameKernel: boolean): TreeClock {
  const monotonic = source.monotonic - here.monotonic;
  const boottime = source.boottime - here.boottime;
  if (sameKernel && isSmall(monotonic) && isSmall(boottime)) return { offsets: undefined, ahead: 0n };
  const own = readTimeOffsets('self');
  return {
    offsets: { monotonic: split(own.monotonic + monotonic), boottime: split(own.boottime + boottime) },
    ahead: monotonic,
  };
}

function isSmall(difference: bigint): boolean {
  return difference < sameClock && difference > -sameClock;
}

/** timens_offsets wants nanoseconds from 0 to 999,999,999, also with negative seconds. */
export function split(nanoseconds: bigint): { seconds: number; nanoseconds: number } {
  const rest = ((nanoseconds % nsPerSec) + nsPerSec) % nsPerSec;
  return { seconds: Number((nanoseconds - rest) / nsPerSec), nanoseconds: Number(rest) };
}

// By how much to slow down a tree that writes faster than the wire takes its pages, and whom: pure functions of measured
// rounds. Nothing here touches the tree. In steps, as QEMU's documented auto-converge does: 20 % at first, then 10 % more, up to 99 %.
import type { FixedCosts, Goals, Round } from './converge.ts';

/** A round, and the share of the time for which the writers stood while it went on. */
export interface SlowedRound extends Round {
  readonly throttle: number;
}

const firstStep = 0.2;
const step = 0.1;
/** Where a step has gained almost nothing: a tree that writes the same pages many times over is slowed for a while before it shows. */
const longStep = 0.2;
const mostThrottle = 0.99;
/** Rounds converge that shrink to half and less, each of the one before. */
const convergent = 0.5;
const hopeless = 0.9;
/** After so many rounds at the greatest throttle no more is hoped for from it. */
const patience = 4;
/** The part of the downtime that fewer pages cannot make shorter anyway is not fought for. Milliseconds. */
const negligibleMs = 2;
/** Those count as writers that have together written this part of what was written, the greatest first. */
const writersPart = 0.9;

/** The throttle that the next round should go on under: never less than the last one's. */
export function nextThrottle(rounds: readonly SlowedRound[], deltaMs: number, goalMs: number): number {
  const [beforeLast, before, last] = [rounds.at(-3), rounds.at(-2), rounds.at(-1)];
  // Round 0 is everything; what round 1 copied says only what was written in that long time.
  if (beforeLast === undefined || before === undefined || last === undefined) return last?.throttle ?? 0;
  const { throttle } = last;
  if (deltaMs <= Math.max(goalMs, negligibleMs)) return throttle;
  // What the last one copied was written during the one before: not under this throttle yet.
  if (before.throttle !== throttle) return throttle;
  const left = shrunkTo(before, last);
  if (left <= convergent) return throttle;
  // Twice in a row, before anything is slowed at all: one round may be anything.
  if (throttle === 0) return rounds.length > 3 && shrunkTo(beforeLast, before) > convergent ? firstStep : 0;
  const more = throttle + (left > hopeless ? longStep : step);
  return Math.min(mostThrottle, Math.round(more * 100) / 100);
}

/** Part of what one round copied that the next had to copy again. */
function shrunkTo(before: Round, next: Round): number {
  return before.bytes === 0 ? 0 : next.bytes / before.bytes;
}

/** How much of the downtime that is promised there is for pages. Milliseconds; 0: fewer pages alone will not do. */
export function timeForPages(goals: Pick<Goals, 'maxDowntimeMs'>, costs: FixedCosts): number {
  return Math.max(0, goals.maxDowntimeMs - costs.freezeMs - costs.stateMs - costs.applyMs - costs.runMs);
}

/** Whether slowing may still make rounds smaller, though the last ones have not become so. */
export function mayStillSlow(rounds: readonly SlowedRound[], deltaMs: number, goalMs: number): boolean {
  if (deltaMs <= Math.max(goalMs, negligibleMs)) return false;
  return rounds.length < patience || rounds.slice(-patience).some(({ throttle }) => throttle < mostThrottle);
}

/** The fewest that have written almost all of it, by bytes; those that wrote nothing are never among them. */
export function writersOf<T>(written: ReadonlyMap<T, number>): T[] {
  const byBytes = [...written].filter(([, bytes]) => bytes > 0).sort(([, x], [, y]) => y - x);
  const all = byBytes.reduce((sum, [, bytes]) => sum + bytes, 0);
  let covered = 0;
  const writers: T[] = [];
  for (const [writer, bytes] of byBytes) {
    if (covered >= writersPart * all) break;
    writers.push(writer);
    covered += bytes;
  }
  return writers;
}

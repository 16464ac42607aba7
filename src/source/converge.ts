// When to stop copying and freeze: a pure function of measured rounds. Nothing here touches the tree.

export interface Round {
  readonly number: number;
  /** Pages and bytes that were copied in it. */
  readonly pages: number;
  readonly bytes: number;
  /** Of which the next round copies again, whatever the tree does. */
  readonly owedBytes: number;
  /** How long it took, from its scan to the target's acknowledgement. */
  readonly ms: number;
}

export interface Goals {
  /** The downtime that is promised. */
  readonly maxDowntimeMs: number;
  readonly maxRounds: number;
  /** All rounds together may last so long; undefined: no limit. */
  readonly timeoutMs: number | undefined;
}

/** What one freeze costs without any page: measured parts of this tree. */
export interface FixedCosts {
  readonly freezeMs: number;
  readonly stateMs: number;
  readonly applyMs: number;
}

export interface Forecast {
  /** Bytes a second that the wire took. */
  readonly bytesPerSecond: number;
  /** Bytes a second that the tree dirties. */
  readonly dirtyBytesPerSecond: number;
  /** Downtime if the tree were frozen now. */
  readonly downtimeMs: number;
}

export type Decision =
  | { readonly freeze: false }
  | { readonly freeze: true; readonly reason: string; readonly converged: boolean };

/** What a server of one process and some threads costs on two slow cores (docs/benchmarks.md). */
export const assumedCosts: FixedCosts = { freezeMs: 3, stateMs: 10, applyMs: 25 };

/** A link that has not shown its speed yet is taken for 1 GB/s: loopback and fast networks alike. */
const assumedBytesPerSecond = 1e9;
/** Rounds below this many bytes say nothing about the speed of the link. */
const tellingBytes = 4 << 20;
/** A pre-copy that gains less than a tenth over this many rounds has come to its end. */
const patience = 4;

/** The wire's speed from the rounds that moved enough to show it, the latest counting most. */
export function wireSpeed(rounds: readonly Round[]): number {
  const telling = rounds.filter((round) => round.bytes >= tellingBytes).slice(-3);
  const bytes = telling.reduce((sum, round) => sum + round.bytes, 0);
  const ms = telling.reduce((sum, round) => sum + round.ms, 0);
  return bytes === 0 || ms === 0 ? assumedBytesPerSecond : (bytes / ms) * 1000;
}

/** What would the downtime be if the tree were frozen right after the last round? */
export function forecast(rounds: readonly Round[], costs: FixedCosts): Forecast {
  const bytesPerSecond = wireSpeed(rounds);
  const last = rounds.at(-1);
  const before = rounds.at(-2);
  // What the last round copied was dirtied while the round before it went on; round 0 is everything.
  const dirtyMs = before?.ms ?? last?.ms ?? 0;
  const isFirst = rounds.length < 2;
  const dirtyBytesPerSecond =
    last === undefined || isFirst || dirtyMs === 0 ? 0 : (last.bytes / dirtyMs) * 1000;
  const writtenBytes = isFirst ? (last?.bytes ?? 0) : dirtyBytesPerSecond * ((last?.ms ?? 0) / 1000);
  const deltaBytes = writtenBytes + (last?.owedBytes ?? 0);
  const copyMs = (deltaBytes / bytesPerSecond) * 1000;
  return {
    bytesPerSecond,
    dirtyBytesPerSecond,
    downtimeMs: costs.freezeMs + costs.stateMs + copyMs + costs.applyMs,
  };
}

export function decide(rounds: readonly Round[], costs: FixedCosts, goals: Goals): Decision {
  const { downtimeMs, dirtyBytesPerSecond, bytesPerSecond } = forecast(rounds, costs);
  // Round 0 copied what nobody had seen before: one more tells what the tree dirties.
  if (rounds.length < 2) return { freeze: false };
  if (downtimeMs <= goals.maxDowntimeMs) {
    const reason = `the predicted downtime of ${downtimeMs.toFixed(1)} ms is within ${goals.maxDowntimeMs} ms`;
    return { freeze: true, reason, converged: true };
  }
  if (rounds.length >= goals.maxRounds) {
    const reason = `${goals.maxRounds} rounds are done; the predicted downtime is ${downtimeMs.toFixed(1)} ms`;
    return { freeze: true, reason, converged: false };
  }
  const elapsedMs = rounds.reduce((sum, round) => sum + round.ms, 0);
  if (goals.timeoutMs !== undefined && elapsedMs >= goals.timeoutMs) {
    const reason = `the time for copying is over; the predicted downtime is ${downtimeMs.toFixed(1)} ms`;
    return { freeze: true, reason, converged: false };
  }
  if (rounds.length > patience + 1 && !improves(rounds)) {
    const rate = `${(dirtyBytesPerSecond / 1e6).toFixed(0)} MB/s against ${(bytesPerSecond / 1e6).toFixed(0)} MB/s on the wire`;
    const reason = `more rounds gain nothing: the tree writes ${rate}; the predicted downtime is ${downtimeMs.toFixed(1)} ms`;
    return { freeze: true, reason, converged: false };
  }
  return { freeze: false };
}

function improves(rounds: readonly Round[]): boolean {
  const recent = rounds.slice(-patience).map((round) => round.bytes);
  const earlier = rounds.slice(1, -patience).map((round) => round.bytes);
  return Math.min(...recent) < 0.9 * Math.min(...earlier);
}

// When to stop copying and freeze: a pure function of measured rounds. Nothing here touches the tree.

export interface Round {
  readonly number: number;
  /** Pages and bytes that were copied in it. */
  readonly pages: number;
  readonly bytes: number;
  /** Of which the next round copies again, whatever the tree does. */
  readonly owedBytes: number;
  /** Of `bytes`, what post-copy would leave for later. */
  readonly laterBytes?: number;
  /** How long it took, from its scan to the target's acknowledgement. */
  readonly ms: number;
  /** Bytes that really went over the wire for it; undefined: as many as `bytes`. */
  readonly sentBytes?: number;
  /** Of which its pages were under way, where --bandwidth made them wait: the delta does not. undefined: no limit. */
  readonly unlimitedMs?: number | undefined;
}

/** What becomes of a migration whose downtime goal is out of reach. */
export const endings = ['force', 'cancel', 'postcopy'] as const;
/** `force`: it freezes, and takes longer. `cancel`: the tree stays. `postcopy`: it freezes, and memory follows when it runs. */
export type Ending = (typeof endings)[number];

export interface Goals {
  /** The downtime that is promised. */
  readonly maxDowntimeMs: number;
  readonly maxRounds: number;
  /** All rounds together may last so long; undefined: no limit. */
  readonly timeoutMs: number | undefined;
  readonly onTimeout: Ending;
  /** Memory follows as soon as rounds would take long to reach the goal, without a limit having been reached. */
  readonly postCopy?: boolean;
  /** Rounds that gain nothing do not end it: something is done about them. */
  readonly isPatient?: boolean;
}

/** What one freeze costs without any page (source/costs.ts). */
export interface FixedCosts {
  readonly freezeMs: number;
  readonly stateMs: number;
  readonly applyMs: number;
  readonly runMs: number;
}

export interface Forecast {
  /** Bytes of pages a second that the wire took, or that --bandwidth let through. */
  readonly bytesPerSecond: number;
  /** Bytes a second that the tree dirties. */
  readonly dirtyBytesPerSecond: number;
  /** The time of the delta on the wire, of the downtime. */
  readonly copyMs: number;
  /** Downtime if the tree were frozen now. */
  readonly downtimeMs: number;
  /** The same if what may follow later did. */
  readonly postCopyDowntimeMs: number;
}

export type Decision =
  | { readonly action: 'copy' }
  | {
      readonly action: 'freeze';
      readonly reason: string;
      readonly converged: boolean;
      readonly postCopy?: boolean;
    }
  | { readonly action: 'cancel'; readonly reason: string };

/** A link that has not shown its speed yet is taken for 1 GB/s: loopback and fast networks alike. */
const assumedBytesPerSecond = 1e9;
/** Rounds below this many bytes say nothing about the speed of the link. */
const tellingBytes = 4 << 20;
/** Copying that takes a smaller share of the downtime than this is not to blame for it. */
const negligible = 0.1;
/** A page that follows later is named in the freeze, and given back and looked for on the target: milliseconds (2.0 to 2.7 us were measured). */
const laterMs = 0.0025;
const laterPage = 4096;
/** With --postcopy: so many rounds more, at most, may reach the goal by themselves. */
const roundsAhead = 3;
/** A pre-copy that gains less than a tenth over this many rounds has come to its end. */
const patience = 4;

/**
 * Bytes of pages a second, from the rounds that moved enough to show the wire's speed, the latest counting most. Pages that travel as deltas, or
 * compressed, are as much faster as the last round's were smaller, but no faster than they are read and written.
 */
export function wireSpeed(rounds: readonly Round[]): number {
  return speedBy(rounds, ({ ms }) => ms);
}

/** The same as the delta finds it: no limit holds it back, and what a round takes without any page is none of it (costs.ts has that). */
function deltaSpeed(rounds: readonly Round[]): number {
  const emptyMs = emptyRoundMs(rounds);
  const best = Math.max(...rounds.map(rateOf));
  return speedBy(rounds, (round) => round.unlimitedMs ?? Math.max(round.ms - emptyMs, sentOf(round) / best));
}

function speedBy(rounds: readonly Round[], msOf: (round: Round) => number): number {
  const telling = rounds.filter((round) => sentOf(round) >= tellingBytes).slice(-3);
  const bytes = telling.reduce((sum, round) => sum + sentOf(round), 0);
  const ms = telling.reduce((sum, round) => sum + msOf(round), 0);
  const speed = bytes === 0 || ms === 0 ? assumedBytesPerSecond : (bytes / ms) * 1000;
  return Math.min(speed / shrunkTo(rounds), Math.max(speed, assumedBytesPerSecond));
}

function sentOf({ bytes, sentBytes }: Round): number {
  return sentBytes ?? bytes;
}

/** Part of the pages' bytes that the last round with pages sent. */
function shrunkTo(rounds: readonly Round[]): number {
  const last = rounds.findLast(({ bytes }) => bytes > 0);
  return last === undefined ? 1 : Math.min(1, sentOf(last) / last.bytes);
}

/** What would the downtime be if the tree were frozen right after the last round? */
export function forecast(rounds: readonly Round[], costs: FixedCosts): Forecast {
  const { bytesPerSecond, dirtyBytesPerSecond } = speeds(rounds);
  const last = rounds.at(-1);
  const isFirst = rounds.length < 2;
  const writtenBytes = isFirst ? (last?.bytes ?? 0) : dirtyBytesPerSecond * ((last?.ms ?? 0) / 1000);
  const deltaBytes = writtenBytes + (last?.owedBytes ?? 0);
  const copyMs = (deltaBytes / deltaSpeed(rounds)) * 1000;
  const laterBytes = writtenBytes * laterShare(last);
  const postCopyMs = copyMs * (1 - laterBytes / Math.max(1, deltaBytes)) + (laterBytes / laterPage) * laterMs;
  return {
    bytesPerSecond,
    dirtyBytesPerSecond,
    copyMs,
    downtimeMs: sumOf(costs) + copyMs,
    postCopyDowntimeMs: sumOf(costs) + postCopyMs,
  };
}

function laterShare(round: Round | undefined): number {
  if (round?.laterBytes === undefined || round.bytes === 0) return 0;
  return Math.min(1, round.laterBytes / round.bytes);
}

/** What the last round copied was dirtied while the round before it went on; round 0 is everything. */
function speeds(rounds: readonly Round[]): Pick<Forecast, 'bytesPerSecond' | 'dirtyBytesPerSecond'> {
  const [last, before] = [rounds.at(-1), rounds.at(-2)];
  const dirtyBytesPerSecond =
    last === undefined || before === undefined || before.ms === 0 ? 0 : (last.bytes / before.ms) * 1000;
  return { bytesPerSecond: wireSpeed(rounds), dirtyBytesPerSecond };
}

function sumOf({ freezeMs, stateMs, applyMs, runMs }: FixedCosts): number {
  return freezeMs + stateMs + applyMs + runMs;
}

/** After each round: copy once more, freeze, or give up. */
export function decide(rounds: readonly Round[], costs: FixedCosts, goals: Goals): Decision {
  const { downtimeMs, postCopyDowntimeMs } = forecast(rounds, costs);
  // Round 0 copied what nobody had seen before: one more tells what the tree dirties.
  if (rounds.length < 2) return { action: 'copy' };
  if (downtimeMs <= goals.maxDowntimeMs) {
    const reason = `the predicted downtime of ${downtimeMs.toFixed(1)} ms is within ${goals.maxDowntimeMs} ms`;
    return { action: 'freeze', reason, converged: true };
  }
  const limit = limitOf(rounds, costs, goals);
  if (limit === undefined && goals.postCopy === true && !isNear(rounds, costs, goals)) {
    const reason = `${postCopyDowntimeMs.toFixed(1)} ms of downtime and the rest of the memory later, instead of ${downtimeMs.toFixed(1)} ms`;
    return { action: 'freeze', reason, converged: false, postCopy: true };
  }
  if (limit === undefined) return { action: 'copy' };
  const reason = `${limit}; the predicted downtime is ${downtimeMs.toFixed(1)} ms`;
  if (goals.onTimeout === 'postcopy' || goals.postCopy === true) {
    const later = `${limit}; the predicted downtime is ${postCopyDowntimeMs.toFixed(1)} ms, and the rest of the memory follows`;
    return { action: 'freeze', reason: later, converged: false, postCopy: true };
  }
  if (goals.onTimeout === 'force') return { action: 'freeze', reason, converged: false };
  return { action: 'cancel', reason: `${reason}, and ${goals.maxDowntimeMs} ms are allowed` };
}

/** Rounds shrink by what the tree writes against what the wire takes: would the goal be reached soon? */
function isNear(rounds: readonly Round[], costs: FixedCosts, { maxDowntimeMs }: Goals): boolean {
  const { copyMs, bytesPerSecond, dirtyBytesPerSecond } = forecast(rounds, costs);
  const shrink = Math.min(1, dirtyBytesPerSecond / Math.max(1, bytesPerSecond));
  return sumOf(costs) + copyMs * shrink ** roundsAhead <= maxDowntimeMs;
}

/** Rounds behind the decision, which only shorten the freeze, at most. */
export const mostAgain = 4;
/** Below this a round more is not worth its trouble, milliseconds of downtime. */
const worthMs = 1;
/** No round is shorter: what it takes of an idle tree with one process, milliseconds. */
const leastRoundMs = 4;
/** A longer one is for the policy to decide on, which may have given up. */
const shortRoundMs = 100;

/**
 * The freeze was decided on `sinceMs` ago, and has been prepared since: is one more round worth it? What it finds is copied while the tree
 * runs; what is written meanwhile is all that is left.
 */
export function isWorthAnother(rounds: readonly Round[], sinceMs: number): boolean {
  const { bytesPerSecond, dirtyBytesPerSecond } = speeds(rounds);
  const last = rounds.at(-1);
  if (last === undefined) return false;
  const staleMs = last.ms + sinceMs;
  const copyMs = (staleMs * dirtyBytesPerSecond) / bytesPerSecond;
  const freshMs = Math.max(copyMs, leastRoundMs);
  if (freshMs > shortRoundMs) return false;
  return ((staleMs - freshMs) * dirtyBytesPerSecond) / deltaSpeed(rounds) > worthMs;
}

/**
 * What a round takes that has nothing to copy, as far as these tell: the least that is left of one without its bytes, by the rate of the fastest,
 * which itself says nothing of it.
 */
function emptyRoundMs(rounds: readonly Round[]): number {
  const best = Math.max(...rounds.map(rateOf));
  const others = rounds.filter((round) => rateOf(round) < best);
  return others.length === 0 ? 0 : Math.min(...others.map((round) => round.ms - sentOf(round) / best));
}

/** Bytes a millisecond. */
function rateOf(round: Round): number {
  return round.ms === 0 ? 0 : sentOf(round) / round.ms;
}

/** Why no other round is made although the goal is not reached; undefined: it is. */
function limitOf(rounds: readonly Round[], costs: FixedCosts, goals: Goals): string | undefined {
  const { copyMs, dirtyBytesPerSecond, bytesPerSecond } = forecast(rounds, costs);
  if (rounds.length >= goals.maxRounds) return `${goals.maxRounds} rounds are done`;
  const elapsedMs = rounds.reduce((sum, round) => sum + round.ms, 0);
  if (goals.timeoutMs !== undefined && elapsedMs >= goals.timeoutMs) return 'the time for copying is over';
  if (rounds.length <= patience + 1 || improves(rounds) || goals.isPatient === true) return undefined;
  const fixedMs = sumOf(costs);
  if (fixedMs > goals.maxDowntimeMs && copyMs < negligible * fixedMs)
    return `more rounds gain nothing: what the tree consists of takes ${fixedMs.toFixed(1)} ms, however little it writes`;
  const rate = `${(dirtyBytesPerSecond / 1e6).toFixed(0)} MB/s against ${(bytesPerSecond / 1e6).toFixed(0)} MB/s on the wire`;
  return `more rounds gain nothing: the tree writes ${rate}`;
}

function improves(rounds: readonly Round[]): boolean {
  const recent = rounds.slice(-patience).map((round) => round.bytes);
  const earlier = rounds.slice(1, -patience).map((round) => round.bytes);
  return Math.min(...recent) < 0.9 * Math.min(...earlier);
}

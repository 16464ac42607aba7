import t from 'tap';
import { dutyOf } from '../../../src/kernel/throttle.ts';
import {
  mayStillSlow,
  nextThrottle,
  timeForPages,
  writersOf,
  type SlowedRound,
} from '../../../src/source/throttle-policy.ts';

const mb = 1_000_000;
const goalMs = 10;

/** Rounds of so many MB each, on a wire of 1 GB/s, under these throttles. */
function trace(...rounds: (readonly [megabytes: number, throttle: number])[]): SlowedRound[] {
  return rounds.map(([megabytes, throttle], number) => ({
    number,
    pages: (megabytes * mb) / 4096,
    bytes: megabytes * mb,
    owedBytes: 0,
    ms: megabytes,
    throttle,
  }));
}

/**
 * What comes of the policy with a tree that writes so many MB a second, always new pages out of its `size`, on a wire of 1 GB/s: rounds until the
 * delta is within the goal, or 40.
 */
function fly(rate: number, size: number): SlowedRound[] {
  const rounds = trace([size, 0]);
  while (rounds.length < 40) {
    const last = rounds.at(-1);
    if (last === undefined) throw new Error('no round');
    const dirty = Math.min(size, (rate / 1000) * last.ms * (1 - last.throttle));
    if (dirty <= goalMs) break;
    const throttle = nextThrottle(rounds, dirty, goalMs);
    rounds.push(...trace([dirty, throttle]).map((round) => ({ ...round, number: rounds.length })));
  }
  return rounds;
}

const throttles = (rounds: readonly SlowedRound[]): number[] => [
  ...new Set(rounds.map(({ throttle }) => throttle)),
];

void t.test('a tree whose rounds shrink is not slowed', (t) => {
  t.equal(nextThrottle(trace([1000, 0], [400, 0], [160, 0], [64, 0]), 25, goalMs), 0);
  t.strictSame(throttles(fly(300, 2000)), [0]);
  t.end();
});

void t.test('one round that does not shrink is none', (t) => {
  t.equal(nextThrottle(trace([1000, 0]), 1000, goalMs), 0, 'the first says nothing');
  t.equal(nextThrottle(trace([1000, 0], [900, 0]), 900, goalMs), 0, 'nor the second');
  t.equal(nextThrottle(trace([1000, 0], [900, 0], [800, 0]), 800, goalMs), 0);
  t.equal(nextThrottle(trace([1000, 0], [900, 0], [400, 0], [390, 0]), 390, goalMs), 0);
  t.equal(nextThrottle(trace([1000, 0], [900, 0], [800, 0], [700, 0]), 700, goalMs), 0.2, 'two in a row');
  t.end();
});

void t.test('a step is judged by what was written under it', (t) => {
  const slowed = trace([1000, 0], [900, 0], [800, 0], [750, 0], [740, 0.2]);
  t.equal(nextThrottle(slowed, 740, goalMs), 0.2, 'these pages were written before');
  t.equal(nextThrottle([...slowed, ...trace([600, 0.2])], 600, goalMs), 0.3, 'these were not');
  t.equal(nextThrottle([...slowed, ...trace([735, 0.2])], 735, goalMs), 0.4, 'no gain at all: a long step');
  t.equal(nextThrottle([...slowed, ...trace([300, 0.2])], 300, goalMs), 0.2, 'enough');
  t.end();
});

void t.test('it never goes down, never beyond 99 %, and not on when the pages fit', (t) => {
  const rounds = trace([1000, 0.9], [1000, 0.9], [1000, 0.9], [1000, 0.9]);
  t.equal(nextThrottle(rounds, 1000, goalMs), 0.99);
  const slowest = trace([1000, 0.99], [1000, 0.99], [1000, 0.99]);
  t.equal(nextThrottle(slowest, 1000, goalMs), 0.99);
  t.equal(nextThrottle(rounds, 9, goalMs), 0.9, 'they fit');
  t.equal(nextThrottle(trace([9, 0], [9, 0], [9, 0], [9, 0]), 9, goalMs), 0, 'and did so without');
  t.equal(
    nextThrottle(trace([1, 0], [1, 0], [1, 0], [1, 0]), 1, 0),
    0,
    'the rest of a downtime is not pages',
  );
  t.end();
});

void t.test('a tree that writes faster than the wire comes to converge', (t) => {
  for (const rate of [900, 1500, 4000, 20_000]) {
    const rounds = fly(rate, 500);
    t.comment(`${rate} MB/s: ${rounds.map(({ bytes, throttle }) => `${bytes / mb}@${throttle}`).join(' ')}`);
    t.ok(rounds.length < 30, `${rate} MB/s in ${rounds.length} rounds`);
    const needed = Math.max(0.2, 1 - 500 / rate);
    const most = Math.max(...throttles(rounds));
    t.ok(most <= Math.min(0.99, needed + 0.2), `slowed by ${most}, of ${needed.toFixed(2)} that it takes`);
  }
  t.end();
});

void t.test('rounds are in vain when the throttle has been at its end for some', (t) => {
  const growing = trace([1000, 0], [1000, 0.2], [1000, 0.2]);
  t.ok(mayStillSlow(growing, 1000, goalMs));
  t.notOk(mayStillSlow(growing, 9, goalMs), 'nothing is left to gain');
  const end = Array.from({ length: 4 }, () => [1000, 0.99] as const);
  t.notOk(mayStillSlow(trace([1000, 0.9], ...end), 1000, goalMs));
  t.ok(mayStillSlow(trace([1000, 0.9], ...end.slice(1)), 1000, goalMs));
  t.end();
});

void t.test('the time for pages is what the rest of a freeze leaves of the promise', (t) => {
  const costs = { freezeMs: 3, stateMs: 10, applyMs: 24, runMs: 1 };
  t.equal(timeForPages({ maxDowntimeMs: 50 }, costs), 12);
  t.equal(timeForPages({ maxDowntimeMs: 5 }, costs), 0);
  t.end();
});

void t.test('writers are the fewest that have written almost all', (t) => {
  const written = (...pages: number[]): Map<number, number> =>
    new Map(pages.map((count, pid) => [pid, count]));
  t.strictSame(writersOf(written(5, 1000, 0, 20)), [1]);
  t.strictSame(writersOf(written(500, 1000, 0, 20)), [1, 0]);
  t.strictSame(
    writersOf(written(...Array.from({ length: 100 }, () => 1))).length,
    90,
    'many that write alike',
  );
  t.strictSame(writersOf(written(0, 0)), []);
  t.end();
});

void t.test('periods are short, and have the share that was asked for', (t) => {
  for (const share of [0.2, 0.5, 0.9, 0.95, 0.99]) {
    const { onMs, offMs } = dutyOf(share);
    t.ok(Math.abs(offMs / (onMs + offMs) - share) < 1e-9, `${share}: ${onMs} on, ${offMs} off`);
    t.ok(onMs + offMs > 19.9 && onMs + offMs < 100.1);
  }
  t.end();
});

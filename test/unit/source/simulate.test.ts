import t from 'tap';
import type { Goals } from '../../../src/source/converge.ts';
import { simulate, type Tree } from '../../../src/source/estimate/simulate.ts';

const mb = 1_000_000;
const goals: Goals = { maxDowntimeMs: 50, maxRounds: 30, timeoutMs: undefined, onTimeout: 'force' };
const costs = { freezeMs: 1, stateMs: 4, applyMs: 4, runMs: 1 };
/** Writes so many MB a second, and has a GB. */
const writes = (mbPerSecond: number): Tree => ({
  bytes: 1000 * mb,
  owedBytes: 0,
  dirty: (ms) => Math.min(1000 * mb, mbPerSecond * 1000 * ms),
  costs,
  roundMs: 2,
});

void t.test('an idle tree: everything once, and a freeze of what it consists of', (t) => {
  const found = simulate(writes(0), 100 * mb, goals);
  t.match(found, { rounds: 2, bytes: 1000 * mb, downtimeMs: 10, converged: true });
  t.ok(Math.abs(found.totalMs - (10_000 + 2 + 2 + 10)) < 0.001);
  t.end();
});

void t.test(
  'rounds shrink by the ratio of what it writes to what the link takes, until the delta fits',
  (t) => {
    // A quarter each: 1000, 250, 62.5, 15.6 MB; the next one, 4 MB, would take 40 ms of a freeze. Four short ones more make them few.
    const found = simulate(writes(25), 100 * mb, goals);
    t.equal(found.rounds, 8);
    t.ok(found.converged);
    t.ok(found.downtimeMs > 10 && found.downtimeMs < 13, `downtime ${found.downtimeMs}`);
    t.ok(Math.abs(found.bytes / mb - 1334) < 5);
    const few = simulate(writes(25), 100 * mb, { ...goals, maxRounds: 4 });
    t.ok(few.rounds === 4 && few.downtimeMs > 45 && few.downtimeMs < 55, `downtime ${few.downtimeMs}`);
    t.end();
  },
);

void t.test(
  'what writes faster than the link takes does not converge, and its whole round is the pause',
  (t) => {
    const found = simulate(writes(500), 100 * mb, goals);
    t.notOk(found.converged);
    t.match(found.reason, /gain nothing/);
    t.ok(found.downtimeMs > 9_000);
    t.end();
  },
);

void t.test('what the freeze copies in any case counts', (t) => {
  const found = simulate({ ...writes(0), owedBytes: 3 * mb }, 100 * mb, goals);
  t.ok(Math.abs(found.downtimeMs - 40) < 0.001);
  t.end();
});

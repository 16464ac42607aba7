// The table that `npm run bench` ends with: what counts as met, and what is said of goals that nobody measured.
import t from 'tap';
import { goals, isMet } from '../../../bench/lib/goals.ts';
import { goalRow, type FlightRow } from '../../../bench/lib/report.ts';
import { median, quantile } from '../../../bench/lib/statistics.ts';
import { goalsOf, goalTable, predictionRow } from '../../../bench/lib/summary.ts';

const flight = (downtimeMs: number, predictedMs: number): FlightRow => ({
  kind: 'flight',
  what: 'a tree',
  downtimeMs,
  predictedMs,
});

await t.test('a limit belongs to what is within it', async (t) => {
  t.ok(isMet(goals['one-thread'], 3));
  t.notOk(isMet(goals['one-thread'], 3.01));
  t.ok(isMet(goals['transport-throughput'], 0.85));
  t.notOk(isMet(goals['transport-throughput'], 0.84));
});

await t.test('all goals are in the table, measured or not, the last measurement of each', async (t) => {
  const rows = [2, 4].map((value) => ({
    ...goalRow('one-thread', value, { conditions: 'once' }),
    bench: 'small-trees',
  }));
  const results = goalsOf(rows);
  t.strictSame(
    results.map(({ goal }) => goal),
    Object.keys(goals),
  );
  const [one] = results.filter(({ goal }) => goal === 'one-thread');
  t.match(one, { value: 4, met: false, reduced: false, bench: 'small-trees' });
  t.match(
    results.find(({ goal }) => goal === 'scan-frozen'),
    { value: null, met: null, bench: null },
  );
  t.match(goalTable(results), 'not measured');
});

await t.test('what is no number was not measured', async (t) => {
  t.throws(() => goalRow('one-thread', NaN, { conditions: '' }), /nothing was measured/);
});

await t.test('a prediction holds within a quarter of what happened, or 3 ms', async (t) => {
  const shareOf = (...flights: FlightRow[]): number | undefined => predictionRow(flights)?.value;
  t.equal(shareOf(), undefined);
  t.equal(shareOf(flight(4, 1), flight(4, 7)), 100);
  t.equal(shareOf(flight(100, 75), flight(100, 125)), 100);
  t.equal(shareOf(flight(100, 74), flight(100, 126), flight(100, 100), flight(4, 7.1)), 25);
});

await t.test('the median of an even number is between two', async (t) => {
  t.equal(median([3, 1, 2]), 2);
  t.equal(median([4, 10, 2, 1]), 3);
  t.ok(Number.isNaN(median([])));
});

await t.test('quantiles of few values are values', async (t) => {
  t.equal(quantile([3, 1, 2], 0.5), 2);
  t.equal(quantile([4, 3, 2, 1], 0.5), 2);
  t.equal(quantile([3, 1, 2], 1), 3);
  const twenty = Array.from({ length: 20 }, (_, i) => i + 1);
  t.equal(quantile(twenty, 0.95), 19, 'one of twenty may be greater');
  t.ok(Number.isNaN(quantile([], 0.5)));
});

import t from 'tap';
import { dirtyCurve } from '../../../src/source/estimate/dirty-curve.ts';

const mb = 1_000_000;

void t.test('between looks it is a straight line, from nothing at no time', (t) => {
  const curve = dirtyCurve(
    [
      { ms: 100, bytes: 40 * mb },
      { ms: 1000, bytes: 100 * mb },
    ],
    1000 * mb,
  );
  t.equal(curve(0), 0);
  t.equal(curve(50), 20 * mb);
  t.equal(curve(100), 40 * mb);
  t.equal(curve(550), 70 * mb);
  t.end();
});

void t.test('past the longest look it goes on as it went last, and ends at all that there is', (t) => {
  const looks = [
    { ms: 100, bytes: 40 * mb },
    { ms: 1000, bytes: 100 * mb },
  ];
  t.equal(Math.round(dirtyCurve(looks, 1000 * mb)(1900) / mb), 160);
  t.equal(dirtyCurve(looks, 120 * mb)(10_000), 120 * mb);
  t.equal(dirtyCurve([{ ms: 100, bytes: 10 * mb }], 1000 * mb)(200), 20 * mb, 'one look: in proportion');
  t.equal(dirtyCurve([], mb)(1000), 0, 'no look at all');
  t.end();
});

void t.test('looks of about the same length are one, and a longer one never has less', (t) => {
  const curve = dirtyCurve(
    [
      { ms: 210, bytes: 30 * mb },
      { ms: 190, bytes: 10 * mb },
      { ms: 1000, bytes: 5 * mb },
    ],
    1000 * mb,
  );
  t.equal(curve(200), 20 * mb);
  t.equal(curve(1000), 20 * mb);
  t.end();
});

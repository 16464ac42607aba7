// When memory follows later: as a limit of copying has it, or as soon as copying would take long; never where the delta fits.
import t from 'tap';
import { decide, forecast, type Goals, type Round } from '../../../../src/source/converge.ts';

const costs = { freezeMs: 1, stateMs: 5, applyMs: 8, runMs: 2 };
const goals: Goals = { maxDowntimeMs: 50, maxRounds: 30, timeoutMs: undefined, onTimeout: 'force' };
/** 100 MB/s; of what each round copies `share` may follow. */
const rounds = (mb: readonly number[], share = 1): Round[] =>
  mb.map((size, number) => ({
    number,
    pages: (size * 1e6) / 4096,
    bytes: size * 1e6,
    owedBytes: 0,
    laterBytes: size * 1e6 * share,
    ms: size * 10,
  }));

t.test('--postcopy: a tree that does not converge is not copied again', (t) => {
  const decision = decide(rounds([100, 95]), costs, { ...goals, postCopy: true });
  t.match(decision, { action: 'freeze', postCopy: true, converged: false });
  t.same(decide(rounds([100, 95]), costs, goals), { action: 'copy' }, 'without it, it is');
  t.end();
});

t.test('--postcopy: rounds that shrink quickly may end by themselves', (t) => {
  t.same(decide(rounds([100, 40]), costs, { ...goals, postCopy: true }), { action: 'copy' });
  const fits = decide(rounds([100, 10, 1, 0.1]), costs, { ...goals, postCopy: true });
  t.match(fits, { action: 'freeze', converged: true });
  t.notMatch(fits, { postCopy: true });
  t.end();
});

t.test('--on-timeout postcopy: at the limit', (t) => {
  const limited: Goals = { ...goals, maxRounds: 3, onTimeout: 'postcopy' };
  t.same(decide(rounds([100, 95]), costs, limited), { action: 'copy' });
  const decision = decide(rounds([100, 95, 96]), costs, limited);
  t.match(decision, {
    action: 'freeze',
    postCopy: true,
    reason: /3 rounds are done.*the rest of the memory follows/,
  });
  t.end();
});

t.test('the prediction counts what cannot follow, and naming what does', (t) => {
  const all = forecast(rounds([100, 95]), costs);
  const half = forecast(rounds([100, 95], 0.5), costs);
  const none = forecast(rounds([100, 95], 0), costs);
  t.ok(all.postCopyDowntimeMs < none.postCopyDowntimeMs);
  t.equal(none.postCopyDowntimeMs, none.downtimeMs);
  t.ok(half.postCopyDowntimeMs > all.postCopyDowntimeMs && half.postCopyDowntimeMs < none.postCopyDowntimeMs);
  t.end();
});

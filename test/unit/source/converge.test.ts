import t from 'tap';
import {
  decide,
  forecast,
  isWorthAnother,
  wireSpeed,
  type Goals,
  type Round,
} from '../../../src/source/converge.ts';

const goals: Goals = { maxDowntimeMs: 50, maxRounds: 30, timeoutMs: undefined, onTimeout: 'force' };
const costs = { freezeMs: 1, stateMs: 2, applyMs: 2, runMs: 1 };
const mb = 1_000_000;

/** Rounds of so many bytes each, on a wire of 1 GB/s. */
function trace(...bytes: number[]): Round[] {
  return bytes.map((size, number) => ({
    number,
    pages: size / 4096,
    bytes: size,
    owedBytes: 0,
    ms: size / mb,
  }));
}

void t.test('the first round alone never decides: it says nothing about what the tree writes', (t) => {
  t.same(decide(trace(4096), costs, goals), { action: 'copy' });
  t.end();
});

void t.test('a tree that writes little is frozen as soon as the prediction is within the goal', (t) => {
  const decision = decide(trace(1000 * mb, 20 * mb), costs, goals);
  t.match(decision, { action: 'freeze', converged: true, reason: /within 50 ms/ });
  t.end();
});

void t.test('the prediction is the fixed costs and the time to copy what will be dirty', (t) => {
  // 200 MB in the second round were dirtied in the 1000 ms of the first: 200 MB/s, for 200 ms, at 1 GB/s on the wire.
  const { downtimeMs, dirtyBytesPerSecond } = forecast(trace(1000 * mb, 200 * mb), costs);
  t.equal(Math.round(dirtyBytesPerSecond / mb), 200);
  t.equal(Math.round(downtimeMs), 6 + 40);
  const owing = trace(1000 * mb, 200 * mb).map((round) => ({ ...round, owedBytes: 50 * mb }));
  t.equal(Math.round(forecast(owing, costs).downtimeMs), 6 + 40 + 50, 'and what comes again anyway');
  t.end();
});

void t.test('a tree that writes faster than the wire ends by patience, not by convergence', (t) => {
  const rounds = trace(1000 * mb, ...Array.from({ length: 6 }, () => 900 * mb));
  t.match(decide(rounds, costs, goals), { action: 'freeze', converged: false, reason: /gain nothing/ });
  t.end();
});

void t.test('shrinking rounds go on while they are too large', (t) => {
  t.same(decide(trace(4000 * mb, 2000 * mb, 1000 * mb), costs, goals), { action: 'copy' });
  t.end();
});

void t.test('the number of rounds and the time are limits', (t) => {
  const rounds = trace(4000 * mb, 3600 * mb, 3200 * mb);
  t.match(decide(rounds, costs, { ...goals, maxRounds: 3 }), { action: 'freeze', reason: /3 rounds/ });
  t.match(decide(rounds, costs, { ...goals, timeoutMs: 10_000 }), {
    action: 'freeze',
    reason: /time for copying/,
  });
  t.end();
});

void t.test('rounds of a few pages say nothing about the speed of the wire', (t) => {
  t.equal(wireSpeed([{ number: 0, pages: 1, bytes: 4096, owedBytes: 0, ms: 10 }]), 1e9);
  t.equal(wireSpeed(trace(100 * mb)), 1e9);
  t.equal(wireSpeed([{ number: 0, pages: 1, bytes: 100 * mb, owedBytes: 0, ms: 1000 }]), 100 * mb);
  t.end();
});

void t.test(
  'out of reach, and no longer downtime allowed: it is cancelled, and the reason names both',
  (t) => {
    const strict: Goals = { ...goals, onTimeout: 'cancel' };
    const rounds = trace(1000 * mb, ...Array.from({ length: 6 }, () => 900 * mb));
    t.match(decide(rounds, costs, strict), {
      action: 'cancel',
      reason:
        /gain nothing: the tree writes 1000 MB\/s.*predicted downtime is 906\.0 ms, and 50 ms are allowed/,
    });
    t.match(decide(rounds.slice(0, 3), costs, { ...strict, maxRounds: 3 }), { action: 'cancel' });
    t.match(decide(trace(1000 * mb, mb), costs, strict), { action: 'freeze', converged: true });
    t.end();
  },
);

void t.test('a tree whose parts take longer than the goal is told so, not that it writes too much', (t) => {
  const many = { freezeMs: 100, stateMs: 200, applyMs: 200, runMs: 1 };
  const rounds = trace(1000 * mb, ...Array.from({ length: 6 }, () => mb));
  t.match(decide(rounds, many, goals), {
    action: 'freeze',
    converged: false,
    reason: /what the tree consists of takes 501\.0 ms/,
  });
  t.end();
});

void t.test('a round more before the freeze, where what was written meanwhile takes longer to send', (t) => {
  // 100 MB in the 1000 ms of the first round: 100 MB/s, a tenth of the wire.
  const rounds = trace(1000 * mb, 100 * mb, 10 * mb);
  t.ok(isWorthAnother(rounds, 40), '5 ms of the freeze become 1');
  t.notOk(isWorthAnother(rounds, 1), 'it was a moment ago');
  t.ok(
    isWorthAnother(trace(1000 * mb, 100 * mb), 1),
    'the last round was a long one, a tenth of it is dirty again',
  );
  t.notOk(isWorthAnother(trace(1000 * mb, mb / 10, 0), 40), 'next to nothing is written');
  t.notOk(isWorthAnother(trace(1000 * mb, 900 * mb), 5), 'it writes nearly as fast as the wire takes it');
  t.notOk(isWorthAnother([], 40));
  t.end();
});

void t.test('a limit slows the rounds, and not the delta, which no limit holds back', (t) => {
  // 100 MB/s were let through of a wire that takes 1 GB/s.
  const limited = trace(1000 * mb, 100 * mb).map((round) => ({
    ...round,
    ms: round.ms * 10,
    unlimitedMs: round.ms,
  }));
  const { downtimeMs, bytesPerSecond, dirtyBytesPerSecond } = forecast(limited, costs);
  t.equal(Math.round(bytesPerSecond / mb), 100, 'what the operator sees');
  t.equal(Math.round(dirtyBytesPerSecond / mb), 10);
  // 10 MB/s for the 1000 ms of the last round, at 1 GB/s.
  t.equal(Math.round(downtimeMs), 6 + 10);
  t.end();
});

void t.test('what a round takes without any page is none of the time that the delta takes', (t) => {
  // At 1 GB/s, and 5 ms each besides.
  const rounds = trace(1000 * mb, 60 * mb, 5 * mb).map((round) => ({ ...round, ms: round.ms + 5 }));
  const { copyMs, dirtyBytesPerSecond } = forecast(rounds, costs);
  t.equal(Math.round(dirtyBytesPerSecond / mb), 77, '5 MB in 65 ms');
  t.equal(copyMs.toFixed(1), '0.8', 'of the last 10 ms: 0.77 MB');
  const slow = trace(1000 * mb, 60 * mb, 5 * mb).map((round) => ({ ...round, ms: 2 * round.ms }));
  t.equal(
    forecast(slow, costs).copyMs.toFixed(1),
    '0.8',
    'a slow wire is no such thing: 0.42 MB at half the speed',
  );
  t.end();
});

void t.test('pages that travel as deltas count as what goes over the wire', (t) => {
  // A wire of 100 MB/s; the second round's pages became twenty times smaller.
  const rounds: Round[] = [
    { number: 0, pages: 0, bytes: 1000 * mb, sentBytes: 1000 * mb, owedBytes: 0, ms: 10_000 },
    { number: 1, pages: 0, bytes: 100 * mb, sentBytes: 5 * mb, owedBytes: 0, ms: 50 },
  ];
  const { downtimeMs, dirtyBytesPerSecond, copyMs } = forecast(rounds, costs);
  t.equal(Math.round(dirtyBytesPerSecond / mb), 10);
  t.ok(copyMs < 1, `0.5 MB of pages take ${copyMs} ms, not 5`);
  t.ok(downtimeMs < 7);
  const fast = rounds.map((round) => ({ ...round, ms: round.ms / 10 }));
  t.ok(forecast(fast, costs).bytesPerSecond <= 1001 * mb, 'no faster than pages are read and written');
  t.end();
});

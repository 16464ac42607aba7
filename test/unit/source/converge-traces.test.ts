// The policy over rounds that were recorded from real migrations, between two namespaces of a machine that others used too: bytes that a
// round copied, and how long it took (ms). Whoever changes the policy sees here what it would have done.
import t from 'tap';
import { decide, type Decision, type Ending, type Round } from '../../../src/source/converge.ts';

const costs = { freezeMs: 1, stateMs: 16, applyMs: 18, runMs: 3 };

const traces = {
  redisUnderWrites: [
    [369_655_808, 3044.4],
    [51_490_816, 252.9],
    [6_270_976, 34.5],
    [1_236_992, 13.5],
    [835_584, 14.1],
    [933_888, 9.1],
    [913_408, 14.6],
    [843_776, 15.8],
    [1_753_088, 30.5],
  ],
  redisIdle: [
    [369_672_192, 2861.1],
    [200_704, 25.9],
    [0, 21.1],
    [0, 17.7],
    [0, 17.7],
    [180_224, 41.2],
    [0, 27.8],
  ],
  smallTree: [
    [167_936, 138.1],
    [81_920, 25],
    [40_960, 17.7],
    [36_864, 15.6],
    [40_960, 15.7],
    [65_536, 14.2],
    [45_056, 27.4],
  ],
} as const;

/** What it comes to, and after how many rounds. */
function follow(
  name: keyof typeof traces,
  maxDowntimeMs: number,
  onTimeout: Ending = 'force',
): { readonly rounds: number; readonly decision: Decision } {
  const all: Round[] = traces[name].map(([bytes, ms], number) => ({
    number,
    pages: bytes / 4096,
    bytes,
    owedBytes: 0,
    ms,
  }));
  const goals = { maxDowntimeMs, maxRounds: 30, timeoutMs: undefined, onTimeout };
  for (let rounds = 1; ; rounds++) {
    const decision = decide(all.slice(0, rounds), costs, goals);
    if (decision.action !== 'copy' || rounds === all.length) return { rounds, decision };
  }
}

void t.test('a goal within reach ends copying as soon as the prediction is within it', (t) => {
  t.match(follow('redisUnderWrites', 50), { rounds: 3, decision: { action: 'freeze', converged: true } });
  t.match(follow('redisIdle', 50), { rounds: 2, decision: { action: 'freeze', converged: true } });
  t.match(follow('smallTree', 50, 'cancel'), { rounds: 2, decision: { action: 'freeze', converged: true } });
  t.end();
});

void t.test('a goal out of reach: the reason is what stands in its way', (t) => {
  t.match(follow('redisUnderWrites', 20), {
    rounds: 9,
    decision: { action: 'freeze', converged: false, reason: /the tree writes 111 MB\/s/ },
  });
  t.match(follow('redisIdle', 20), {
    rounds: 7,
    decision: { action: 'freeze', converged: false, reason: /what the tree consists of takes 38\.0 ms/ },
  });
  t.match(follow('smallTree', 20, 'cancel'), {
    rounds: 7,
    decision: { action: 'cancel', reason: /takes 38\.0 ms.*20 ms are allowed/ },
  });
  t.end();
});

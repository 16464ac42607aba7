// Timers that repeat and whose signals wait: they travel as overdue, without those signals.
import t from 'tap';
import { withoutTimerSignals } from '../../../src/source/state/overdue-timers.ts';

const timer = { clock: 1, notify: 0, signal: 34, thread: 0, value: 0n, overrun: 0 };

function info(signal: number, code: number, id: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(128));
  view.setInt32(0, signal, true);
  view.setInt32(8, code, true);
  view.setInt32(16, id, true);
  return new Uint8Array(view.buffer);
}

void t.test('overdue timers', (t) => {
  const timers = {
    readAt: 0n,
    boottimeAhead: 0n,
    intervals: [],
    posix: [
      { ...timer, id: 1, remaining: 30n, interval: 100n },
      { ...timer, id: 2, remaining: 30n, interval: 100n },
      { ...timer, id: 3, remaining: 0n, interval: 0n },
    ],
  };
  const once = info(34, -2, 3);
  const sent = info(34, -1, 1);
  const lists = [[info(34, -2, 1), sent, once], [info(34, -2, 2)]];
  const result = withoutTimerSignals(timers, lists, { stoppedFor: 280n, gap: 5n });
  t.same(
    result.timers.posix.map(({ remaining }) => remaining),
    [-270n, -270n, 0n],
    'due 30 from now, and 70, 170 and 270 ago, after the stop that was 280 ago',
  );
  t.same(result.pending, [[sent, once], []], 'signals of other kinds, and of timers that expire once, stay');
  const brief = withoutTimerSignals(timers, [[info(34, -2, 1)], []], { stoppedFor: 10n, gap: 5n });
  t.equal(brief.timers.posix[0]?.remaining, -70n, 'a signal that waits has come once at least');
  const none = withoutTimerSignals(timers, [[info(35, -2, 1)], []], { stoppedFor: 10n, gap: 5n });
  t.same(none.timers.posix, timers.posix, 'a signal of another number is none of its');
  const late = withoutTimerSignals(timers, [[info(34, -2, 1)]], { stoppedFor: 10n, gap: 40n });
  t.equal(late.timers.posix[0]?.remaining, 30n, 'what came after the timer was read is still to come');
  t.same(late.pending, [[]], 'and comes once');
  const single = { ...timers, posix: [{ ...timer, id: 1, remaining: 30n, interval: 0n }] };
  const soon = withoutTimerSignals(single, [[info(34, -2, 1)]], { stoppedFor: 10n, gap: 40n });
  t.same([soon.timers.posix[0]?.remaining, soon.pending], [30n, [[]]], 'the same of one that expires once');
  const cpu = { ...timers, posix: [{ ...timer, id: 1, clock: -6, remaining: 30n, interval: 100n }] };
  const kept = withoutTimerSignals(cpu, [[info(34, -2, 1)]], { stoppedFor: 500n, gap: 40n });
  t.same(
    [kept.timers.posix[0]?.remaining, kept.pending[0]?.length],
    [30n, 1],
    'CPU time stands in the freeze',
  );
  const later = { ...timers, posix: [{ ...timer, id: 1, remaining: 1000n, interval: 100n }] };
  const anew = withoutTimerSignals(later, [[info(34, -2, 1)]], { stoppedFor: 500n, gap: 40n });
  t.same(
    [anew.timers.posix[0]?.remaining, anew.pending[0]?.length],
    [1000n, 1],
    'set anew, it has not expired',
  );
  t.end();
});

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
  const result = withoutTimerSignals(timers, lists, 280n);
  t.same(
    result.timers.posix.map(({ remaining }) => remaining),
    [-270n, -270n, 0n],
    'due 30 from now, and 70, 170 and 270 ago, after the stop that was 280 ago',
  );
  t.same(result.pending, [[sent, once], []], 'signals of other kinds, and of timers that expire once, stay');
  const brief = withoutTimerSignals(timers, [[info(34, -2, 1)], []], 10n);
  t.equal(brief.timers.posix[0]?.remaining, -70n, 'a signal that waits has come once at least');
  const none = withoutTimerSignals(timers, [[info(35, -2, 1)], []], 10n);
  t.same(none.timers.posix, timers.posix, 'a signal of another number is none of its');
  t.end();
});

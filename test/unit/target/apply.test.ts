// The pure parts of applying a state.
import t from 'tap';
import { commonLength } from '../../../src/target/apply/seccomp.ts';
import { restricts } from '../../../src/target/apply/thread-state.ts';
import { timeLeft } from '../../../src/target/apply/timers.ts';
import { findHole } from '../../../src/target/scratch.ts';
import { split, treeClock } from '../../../src/target/time-namespace.ts';

void t.test('a timer loses what has passed; overdue it fires at once; disarmed it stays so', (t) => {
  t.equal(timeLeft(100n, 30n), 70n);
  t.equal(timeLeft(100n, 100n), 1n);
  t.equal(timeLeft(100n, 500n), 1n);
  t.equal(timeLeft(0n, 500n), 0n);
  t.equal(timeLeft(-20n, 5n), 1n);
  t.end();
});

void t.test('offsets of time namespaces have no negative nanoseconds', (t) => {
  t.same(split(1_500_000_000n), { seconds: 1, nanoseconds: 500_000_000 });
  t.same(split(-1n), { seconds: -1, nanoseconds: 999_999_999 });
  t.same(split(-2_000_000_000n), { seconds: -2, nanoseconds: 0 });
  t.end();
});

void t.test('clocks that are the same need no time namespace', (t) => {
  const clocks = (value: bigint): { monotonic: bigint; boottime: bigint; realtime: bigint } => {
    return { monotonic: value, boottime: value, realtime: 0n };
  };
  t.same(treeClock(clocks(5_001_000n), clocks(5_000_000n), true), { offsets: undefined, ahead: 0n });
  const other = treeClock(clocks(9_000_000_000n), clocks(5_000_000_000n), true);
  t.equal(other.ahead, 4_000_000_000n);
  t.ok(other.offsets, 'hours apart on one kernel: hosts made of namespaces');
  t.ok(treeClock(clocks(1n), clocks(1n), false).offsets, 'two kernels are never the same clock');
  t.end();
});

void t.test('a CPU mask that names all CPUs of this host, or none, is left alone', (t) => {
  t.equal(restricts(Uint8Array.of(0xff), Uint8Array.of(0x03)), false, 'it names more');
  t.equal(restricts(Uint8Array.of(0x01), Uint8Array.of(0x03)), true);
  t.equal(restricts(Uint8Array.of(0x10), Uint8Array.of(0x03)), false, 'it names none that is here');
  t.end();
});

void t.test('a hole keeps a page of distance on both sides', (t) => {
  t.equal(findHole([], 0x2000), 0x1_0000);
  t.equal(findHole([{ start: 0x1_1000, end: 0x2_0000 }], 0x2000), 0x2_1000);
  t.equal(
    findHole(
      [
        { start: 0x2_0000, end: 0x3_0000 },
        { start: 0, end: 0x1_0000 },
      ],
      0x2000,
    ),
    0x1_1000,
  );
  t.throws(() => findHole([{ start: 0, end: 0x7fff_ffff_e000 }], 0x2000), { code: 'LIMIT' });
  t.end();
});

void t.test('threads share seccomp filters from the oldest on, up to the first that differs', (t) => {
  t.equal(commonLength([[0, 1, 2]]), 3);
  t.equal(
    commonLength([
      [0, 1],
      [0, 1, 2],
    ]),
    2,
  );
  t.equal(
    commonLength([
      [0, 1, 2],
      [0, 3, 2],
    ]),
    1,
  );
  t.equal(commonLength([[0], []]), 0);
  t.equal(commonLength([]), 0);
  t.end();
});

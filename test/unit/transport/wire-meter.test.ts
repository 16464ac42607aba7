import t from 'tap';
import { WireMeter } from '../../../src/transport/wire-meter.ts';

const mib = 2 ** 20;

/** Frames of 1 MiB that take `ms` each, with a pause behind each. */
function meterOf(frames: number, ms: number, pauseMs: number, isPlain = true): WireMeter {
  let now = 0;
  const meter = new WireMeter(() => now);
  for (let sequence = 1; sequence <= frames; sequence++) {
    meter.left({ sequence, bytes: mib, isPlain });
    now += ms;
    meter.acked(sequence);
    now += pauseMs;
  }
  return meter;
}

void t.test('what is held back before it leaves does not make the wire slower', (t) => {
  for (const pauseMs of [0, 1, 1000]) {
    const meter = meterOf(40, 8, pauseMs);
    t.equal(Math.round(meter.bytesPerSecond ?? 0), Math.round(mib / 0.008), `${pauseMs} ms between`);
    t.equal(meter.busyMs, 320);
  }
  t.end();
});

void t.test('frames that overlap count once', (t) => {
  let now = 0;
  const meter = new WireMeter(() => now);
  for (let sequence = 1; sequence <= 32; sequence++) meter.left({ sequence, bytes: mib, isPlain: true });
  for (let sequence = 8; sequence <= 32; sequence += 8) {
    now += 80;
    meter.acked(sequence);
  }
  t.equal(meter.busyMs, 320);
  t.equal(Math.round(meter.bytesPerSecond ?? 0), Math.round(mib / 0.01));
  t.end();
});

void t.test('nothing is told by what was compressed, by small frames, and by nothing', (t) => {
  t.equal(new WireMeter().bytesPerSecond, undefined);
  const packed = meterOf(10, 8, 0, false);
  t.equal(packed.bytesPerSecond, undefined);
  t.equal(packed.busyMs, 80, 'it was busy all the same');
  let now = 0;
  const small = new WireMeter(() => now);
  for (let sequence = 1; sequence <= 100; sequence++) {
    small.left({ sequence, bytes: 4096, isPlain: true });
    now += 1;
    small.acked(sequence);
  }
  t.equal(small.bytesPerSecond, undefined);
  t.end();
});

void t.test('a wire that has become faster is believed in the end', (t) => {
  let now = 0;
  const meter = new WireMeter(() => now);
  for (let sequence = 1; sequence <= 600; sequence++) {
    meter.left({ sequence, bytes: mib, isPlain: true });
    now += sequence <= 200 ? 100 : 1;
    meter.acked(sequence);
  }
  t.ok((meter.bytesPerSecond ?? 0) > 0.2 * (mib / 0.001), `${meter.bytesPerSecond ?? 0}`);
  t.end();
});

void t.test('the cold start does not count, nor what is chance', (t) => {
  let now = 0;
  const meter = new WireMeter(() => now);
  for (let sequence = 1; sequence <= 24; sequence++) {
    meter.left({ sequence, bytes: mib, isPlain: true });
    now += sequence <= 8 ? 30 : 2;
    meter.acked(sequence);
    if (sequence < 16) t.equal(meter.bytesPerSecond, undefined, `${sequence} MiB`);
  }
  t.equal(Math.round(meter.bytesPerSecond ?? 0), Math.round(mib / 0.002));
  const slow = meterOf(6, 100, 0);
  t.equal(Math.round(slow.bytesPerSecond ?? 0), Math.round(mib / 0.1), 'a slow wire is known by its time');
  t.end();
});

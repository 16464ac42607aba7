import t from 'tap';
import { TokenBucket } from '../../../src/transport/token-bucket.ts';

const mib = 2 ** 20;

/** Sends frames as fast as the bucket lets; returns the milliseconds it took by the fake clock. */
function send(bytesPerSecond: number, frames: number, bytes: number): number {
  let now = 5000;
  const bucket = new TokenBucket(bytesPerSecond, () => now);
  for (let sent = 0; sent < frames;) {
    const waitMs = bucket.take(bytes);
    if (waitMs === 0) sent++;
    else now += waitMs;
  }
  return now - 5000;
}

void t.test('over a while the rate is kept, for frames smaller and larger than the bucket', (t) => {
  for (const [rate, bytes] of [
    [100e6, mib],
    [100e6, 4096],
    [1e9, mib],
    [125_000, mib],
    [12.5e6, 300_001],
  ] as const) {
    const frames = Math.ceil((rate * 20) / bytes);
    const ms = send(rate, frames, bytes);
    // The bucket is full at first, and the last frame's debt is not waited for.
    const expected = ((frames * bytes) / rate) * 1000;
    t.ok(ms <= expected, `${rate} B/s, ${bytes} B: ${ms} of ${expected} ms`);
    t.ok(ms >= expected - 51 - (bytes / rate) * 1000, `${rate} B/s, ${bytes} B: ${ms} of ${expected} ms`);
  }
  t.end();
});

void t.test('what is not used is kept for a moment only', (t) => {
  let now = 0;
  const bucket = new TokenBucket(1e6, () => now);
  now = 3_600_000;
  t.equal(bucket.take(50_000), 0, '50 ms of the rate');
  t.ok(Math.abs(bucket.take(10_000) - 10) < 1e-6, 'and nothing of the hour');
  t.equal(bucket.take(0), 0);
  t.end();
});

void t.test('to be told to wait takes nothing', (t) => {
  let now = 0;
  const bucket = new TokenBucket(1e6, () => now);
  t.equal(bucket.take(50_000), 0);
  for (let i = 0; i < 100; i++) t.ok(bucket.take(1000) > 0);
  now += 1;
  t.equal(bucket.take(1000), 0);
  t.end();
});

void t.test('without its limit it lets everything through, and says so', (t) => {
  const bucket = new TokenBucket(1e6, () => 0);
  let heard = 0;
  bucket.onLift(() => {
    heard++;
  });
  bucket.take(1e9);
  t.ok(bucket.take(1) > 0);
  bucket.lift();
  t.equal(heard, 1);
  t.equal(bucket.take(1e12), 0);
  t.end();
});

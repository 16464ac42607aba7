// A periodic timerfd goes on, however short its interval: it may expire again while it is looked at.
import t from 'tap';
import { sinceAsked } from '../../../../src/source/resources/timerfd.ts';
import { wound } from '../../../../src/target/resources/timerfd.ts';

const ms = 1_000_000n;
const seen = { clockid: 1, settimeFlags: 0, itInterval: 50n * ms };

t.test('one that has expired while it was looked at', (t) => {
  const after = sinceAsked({ ...seen, ticks: 8n, itValue: 0n }, 10n * ms);
  t.match(after, { ticks: 8n, itValue: 60n * ms }, 'its next time is one interval later');
  // Asked at 0, expired at 10 (counted already), then at 60 and 110.
  const image = { remaining: after?.itValue ?? 0n, interval: seen.itInterval, ticks: after?.ticks ?? 0n };
  t.same(wound(image, 20n * ms), { remaining: 40n * ms, ticks: 8n });
  t.same(wound(image, 120n * ms), { remaining: 40n * ms, ticks: 10n });
  t.end();
});

t.test('others are as they are seen', (t) => {
  const armed = { ...seen, ticks: 7n, itValue: 3n * ms };
  t.equal(sinceAsked(armed, 10n * ms), armed);
  const once = { ...seen, ticks: 1n, itValue: 0n, itInterval: 0n };
  t.equal(sinceAsked(once, 0n), once, 'one without an interval is over');
  t.equal(sinceAsked(undefined, 0n), undefined);
  t.end();
});

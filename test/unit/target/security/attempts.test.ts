// Failures at the front door are counted, and forgiven.
import t from 'tap';
import { Attempts } from '../../../../src/target/security/attempts.ts';

void t.test('ten at once, then one every six seconds; other addresses are not concerned', (t) => {
  let nowMs = 1000;
  const attempts = new Attempts(() => nowMs);
  for (let i = 0; i < 10; i++) {
    t.ok(attempts.mayTry('10.0.0.1'));
    attempts.failed('10.0.0.1');
  }
  t.notOk(attempts.mayTry('10.0.0.1'));
  t.ok(attempts.mayTry('10.0.0.2'));
  nowMs += 5999;
  t.notOk(attempts.mayTry('10.0.0.1'));
  nowMs += 1;
  t.ok(attempts.mayTry('10.0.0.1'));
  attempts.failed('10.0.0.1');
  t.notOk(attempts.mayTry('10.0.0.1'));
  nowMs += 3_600_000;
  for (let i = 0; i < 10; i++) attempts.failed('10.0.0.1');
  t.notOk(attempts.mayTry('10.0.0.1'), 'an hour of patience is no hour of credit');
  t.end();
});

void t.test('an IPv6 network is one address; IPv4 in IPv6 are many', (t) => {
  const attempts = new Attempts(() => 0);
  for (let i = 0; i < 10; i++) attempts.failed(`2001:db8:1:2::${i}`);
  t.notOk(attempts.mayTry('2001:db8:1:2:ffff::1'));
  t.ok(attempts.mayTry('2001:db8:1:3::1'));
  for (let i = 0; i < 10; i++) attempts.failed(`2001:db8::${i}`);
  t.notOk(attempts.mayTry('2001:db8::77:1'), 'however it is written');
  t.notOk(attempts.mayTry('2001:db8:0:0::1'));
  t.ok(attempts.mayTry('2001:db8:0:1::1'));
  for (let i = 0; i < 10; i++) attempts.failed('::ffff:10.0.0.1');
  t.notOk(attempts.mayTry('::ffff:10.0.0.1'));
  t.ok(attempts.mayTry('::ffff:10.0.0.2'));
  t.end();
});

void t.test('many addresses together are limited too, and not remembered for ever', (t) => {
  let nowMs = 0;
  const attempts = new Attempts(() => nowMs);
  for (let i = 0; i < 100; i++) attempts.failed(`10.1.${i}.1`);
  t.notOk(attempts.mayTry('10.2.0.1'));
  for (let i = 0; i < 10_000; i++) attempts.failed('10.1.0.1');
  nowMs = 600;
  t.ok(attempts.mayTry('10.2.0.1'), 'more failures shut it for no longer');
  for (let i = 0; i < 10_000; i++) attempts.failed(`10.3.${i >> 8}.${i & 255}`);
  nowMs += 3_600_000 * 24;
  t.ok(attempts.mayTry('10.3.0.1'));
  t.end();
});

// The clock of a connection's timestamps goes on, and never back.
import t from 'tap';
import { termsNow } from '../../../src/target/resources/tcp-later.ts';

const terms = { mss: 1460, sack: true };

t.test('what has passed, and a second, is added', (t) => {
  t.same(termsNow(terms, 5_000_000n), terms, 'none were agreed on');
  const after = (timestamp: number, ns: bigint): number | undefined =>
    termsNow({ ...terms, timestamp }, ns).timestamp;
  t.equal(after(1000, 250_000_000n), 1000 + 1250, 'in milliseconds');
  t.equal(after(1001, 250_000_000n), 1001 + 1_250_000, 'in microseconds, by its lowest bit');
  t.equal(after(0xffff_fff0, 0n), 1000 - 16, 'beyond 2^32');
  t.end();
});

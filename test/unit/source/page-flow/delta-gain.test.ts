import t from 'tap';
import { DeltaGain, gainedMs, type DeltaSample } from '../../../../src/source/page-flow/delta-gain.ts';

const mib = 1 << 20;
const small: DeltaSample = { pageBytes: mib, bytes: mib / 20, ms: 0.3 };
const useless: DeltaSample = { pageBytes: mib, bytes: 0, ms: 0.3 };

void t.test('small deltas pay on a slow wire, and hardly on one that is as fast as memory', (t) => {
  t.ok(gainedMs([small], 125e6) > 7, '1 Gbit/s: 8 ms without them');
  t.ok(gainedMs([small], undefined) > 0);
  t.ok(gainedMs([small], 5e9) < 0);
  t.ok(gainedMs([useless], 125e6) < 0);
  t.ok(gainedMs([small, useless, useless], 125e6) > 0, 'few that are small pay for others');
  t.end();
});

void t.test('what has gained nothing rests, and is tried again', (t) => {
  let wire = 5e9;
  const gain = new DeltaGain(() => wire);
  let tried = 0;
  for (let frame = 0; frame < 64; frame++) {
    if (!gain.isWorthTrying()) t.fail('too early');
    gain.tell(small);
  }
  for (let frame = 0; frame < 1024; frame++) if (gain.isWorthTrying()) tried++;
  t.equal(tried, 0);
  t.ok(gain.isWorthTrying());
  wire = 125e6;
  for (let frame = 0; frame < 64; frame++) gain.tell(small);
  t.ok(gain.isWorthTrying(), 'on a slow one it stays');
  t.end();
});

import t from 'tap';
import { fixedCosts, referencePace, type TreeSize } from '../../../src/source/costs.ts';

const small: TreeSize = {
  processes: 1,
  threads: 1,
  mappings: 20,
  descriptors: 5,
  unixSockets: 0,
  inetSockets: 0,
};
const total = (size: TreeSize, pace = referencePace): number => {
  const { freezeMs, stateMs, applyMs, runMs } = fixedCosts(size, pace);
  return freezeMs + stateMs + applyMs + runMs;
};

void t.test('more of anything costs more, in proportion', (t) => {
  for (const kind of Object.keys(small) as (keyof TreeSize)[]) {
    const with100 = total({ ...small, [kind]: small[kind] + 100 }) - total(small);
    const with1000 = total({ ...small, [kind]: small[kind] + 1000 }) - total(small);
    t.ok(with100 > 0, kind);
    t.ok(Math.abs(with1000 / with100 - 10) < 0.001, `${kind} grows linearly`);
  }
  t.end();
});

void t.test('a slow machine is slow with its own half', (t) => {
  const { dumpMs, prepareMs } = referencePace;
  const before = fixedCosts(small);
  const slowSource = fixedCosts(small, { dumpMs: 3 * dumpMs, prepareMs });
  t.equal(slowSource.stateMs, (3 / 1.35) * before.stateMs);
  t.equal(slowSource.applyMs, before.applyMs);
  const slowTarget = fixedCosts(small, { dumpMs, prepareMs: 2 * prepareMs });
  t.equal(slowTarget.applyMs, (2 / 1.35) * before.applyMs);
  t.equal(slowTarget.freezeMs, before.freezeMs);
  const { stateMs } = fixedCosts(small, { dumpMs: 1.3 * dumpMs, prepareMs });
  t.equal(stateMs, before.stateMs, 'a third more or less is noise');
  t.end();
});

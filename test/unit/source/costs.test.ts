import t from 'tap';
import { fixedCosts, referencePace, type TreeSize } from '../../../src/source/costs.ts';

const small: TreeSize = {
  processes: 1,
  threads: 1,
  mappings: 20,
  descriptors: 5,
  unixSockets: 0,
  inetSockets: 0,
  gibibytes: 0,
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
  const ofSource = slowSource.stateMs / before.stateMs;
  t.ok(ofSource > 1.5 && ofSource < 3, `${ofSource}`);
  t.ok(slowSource.applyMs / before.applyMs < 1.1, 'which says little of the other');
  const slowTarget = fixedCosts(small, { dumpMs, prepareMs: 3 * prepareMs });
  t.equal(slowTarget.applyMs / before.applyMs, ofSource);
  t.ok(slowTarget.freezeMs / before.freezeMs < 1.1);
  const both = fixedCosts(small, { dumpMs: 3 * dumpMs, prepareMs: 3 * prepareMs });
  t.ok(both.stateMs > slowSource.stateMs && both.applyMs > slowTarget.applyMs);
  const fast = fixedCosts(small, { dumpMs: dumpMs / 2, prepareMs: prepareMs / 2 });
  t.ok(fast.stateMs < 0.8 * before.stateMs && fast.runMs < 0.8 * before.runMs);
  const { stateMs } = fixedCosts(small, { dumpMs: 1.3 * dumpMs, prepareMs });
  t.equal(stateMs, before.stateMs, 'a third more or less is noise');
  t.end();
});

void t.test('a disturbed rehearsal makes no prediction absurd', (t) => {
  const [least, most] = [1e-3, 1e3].map((times) =>
    total(small, { dumpMs: times * referencePace.dumpMs, prepareMs: times * referencePace.prepareMs }),
  );
  t.ok(least !== undefined && least > 0.3 * total(small), `${least}`);
  t.ok(most !== undefined && most < 4 * total(small), `${most}`);
  t.end();
});

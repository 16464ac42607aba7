// A few workloads in each of the other flavours: into a PID namespace, of a plain user, and by agents of a plain user. All of them: `npm run conformance`.
import t from 'tap';
import { unless } from '../helpers/skip-unless.ts';
import { smokeFlavours } from './options.ts';
import { plan, runSuite } from './suite.ts';
import { troubles } from './table.ts';

t.setTimeout(600_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:cc', 'command:setpriv');
const smoke = ['tree', 'signals', 'events', 'limits', 'guards', 'given-back'];

for (const flavour of smokeFlavours) {
  await t.test(`flavour ${flavour}`, { skip }, async (t) => {
    const trials = plan('').filter(({ head, variant }) => smoke.includes(head.name) && variant === 'motion');
    t.equal(trials.length, smoke.length);
    const { results, leftovers } = await runSuite({ flavour, jobs: 2, repeat: 1 }, trials, () => undefined);
    t.strictSame(troubles(results), []);
    t.strictSame(leftovers, []);
  });
}

// A few workloads in each of the other flavours: into a PID namespace, of a plain user, and by agents of a plain user. All of them: `npm run conformance`.
import t from 'tap';
import { unless } from '../helpers/skip-unless.ts';
import { whyNotHere } from '../helpers/workload-head.ts';
import { smokeFlavours } from './options.ts';
import { plan, runSuite } from './suite.ts';
import { troubles } from './table.ts';

t.setTimeout(600_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:cc', 'command:setpriv');
const everywhere = ['tree', 'signals', 'events', 'limits', 'guards', 'given-back'];
/** What goes another way in a PID namespace of its own: names and numbers are looked up inside. */
const inside = ['files-more', 'nameless', 'kernel-files', 'pidfds', 'in-flight'];
/** What the kernel lets root do only, and is done without. */
const withoutRoot = ['tcp-listen'];
const smoke = {
  user: everywhere,
  pidns: [...everywhere, ...inside],
  rootless: [...everywhere, ...inside, ...withoutRoot],
};

for (const flavour of smokeFlavours) {
  await t.test(`flavour ${flavour}`, { skip }, async (t) => {
    const wanted = plan('').filter(
      ({ head, variant }) => smoke[flavour].includes(head.name) && variant === 'motion',
    );
    t.equal(wanted.length, smoke[flavour].length);
    const trials = wanted.filter(({ head }) => {
      const missing = whyNotHere(head);
      // The promise is the subtest's, which the parent waits for by itself.
      if (missing !== undefined) void t.skip(`${head.name}: ${missing}`, () => undefined);
      return missing === undefined;
    });
    const { results, leftovers } = await runSuite({ flavour, jobs: 2, repeat: 1 }, trials, () => undefined);
    t.strictSame(troubles(results), []);
    t.strictSame(leftovers, []);
  });
}

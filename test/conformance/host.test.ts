// The whole suite where the PIDs are free on the other host: every claim of every workload, at rest and in motion.
import t from 'tap';
import { unless } from '../helpers/skip-unless.ts';
import { plan, runSuite } from './suite.ts';
import { table, troubles } from './table.ts';

t.setTimeout(1_200_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:cc');

await t.test('nothing inside a process can tell that it was moved there and back', { skip }, async (t) => {
  const trials = plan('');
  const { results, leftovers } = await runSuite({ flavour: 'host', jobs: 2, repeat: 1 }, trials, (claims) => {
    const first = claims[0];
    if (first === undefined) return;
    const { head, variant } = first.trial;
    const name = `${head.name} (${variant}): ${claims.length} claims`;
    if (claims.every(({ outcome }) => outcome === 'skipped')) {
      // The promise is the subtest's, which the parent waits for by itself.
      void t.skip(`${name}: ${first.why}`, () => undefined);
      return;
    }
    t.strictSame(troubles(claims), [], name);
  });
  t.equal(
    results.length,
    trials.map(({ head }) => head.claims.length).reduce((a, b) => a + b),
  );
  t.strictSame(leftovers, [], 'nothing is left on either host');
  t.comment(table(results));
});

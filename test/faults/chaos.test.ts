// Trees that change all the time what is dumped are moved at random instants, each with a seed of its own: what arrives is never torn,
// by the trees' own account. Some fly together, under one parent, so that a hundred find their time in `npm test`. GODWIT_CHAOS says how
// many (100), GODWIT_CHAOS_TOGETHER how many fly together (10); the seed is printed, and GODWIT_SEED goes on from it.
// `npm run campaign -- chaos` flies a thousand, each alone.
import t from 'tap';
import { sleep } from '../helpers/commands.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { explain } from '../helpers/round-trip.ts';
import { unless } from '../helpers/skip-unless.ts';
import { startWorkload, verdictOf } from '../helpers/workloads.ts';
import { chooseSeed, seededRandom } from './bed.ts';

const runs = Number(process.env['GODWIT_CHAOS'] ?? 100);
const together = Number(process.env['GODWIT_CHAOS_TOGETHER'] ?? 10);
const timeout = 120_000 + runs * 20_000;
t.setTimeout(timeout + 10_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:cc');

await t.test(`${runs} trees in chaos arrive whole`, { skip, timeout }, async (t) => {
  const first = chooseSeed();
  t.comment(`seed ${first}: GODWIT_SEED=${first} repeats this run`);
  await using hosts = await makeHosts({ count: 2 });
  const { a, b } = hosts;
  await a.receive();
  await b.receive();
  let good = 0;
  for (let flown = 0; flown < runs; flown += together) {
    const seed = first + flown;
    const trees = Math.min(together, runs - flown);
    const random = seededRandom(seed);
    const [from, to] = (flown / together) % 2 === 0 ? [a, b] : [b, a];
    const chaos = await startWorkload(from, 'chaos', (directory) => [
      directory,
      String(seed),
      ...(trees === 1 ? [] : [String(trees)]),
    ]);
    await sleep(random() * 200);
    const result = await from.migrate(chaos.pid, to);
    if (result.code !== 0) {
      t.fail(`seed ${seed}: it moves; it said: ${chaos.log()}${chaos.errors()}\n${explain(result, to)}`);
      // All of it: trees without their parent would load the machine until the end.
      for (const { outsidePid, command } of from.processes())
        if (command.includes(chaos.directory)) process.kill(outsidePid, 'SIGKILL');
      await from.waitGone(chaos.pid);
      continue;
    }
    await sleep(random() * 100);
    const verdict = await verdictOf(to, chaos);
    if (verdict === 'ok') good += trees;
    else t.fail(`seed ${seed}: ${verdict} ${chaos.errors()}`);
  }
  t.equal(good, runs, 'trees that found all as they had left it');
  for (const host of hosts.all)
    t.strictSame(await host.lastingLeftovers(), [], `nothing is left on ${host.name}`);
});

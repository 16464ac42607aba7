// SIGKILL of agents at random instants of migrations of a tree whose descriptors are in flight: wherever it runs then, every message is
// there once, with its files. GODWIT_KILLS says how often (6); the seed is printed, and `--from-seed N` (or GODWIT_SEED) repeats it.
import t from 'tap';
import { sleep, until } from '../helpers/commands.ts';
import type { Host } from '../helpers/host.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { unless } from '../helpers/skip-unless.ts';
import { startWorkload, verdictOf } from '../helpers/workloads.ts';
import { chooseSeed, killAll, seededRandom, workersOf } from './bed.ts';

const kills = Number(process.env['GODWIT_KILLS'] ?? 6);
t.setTimeout(240_000 + kills * 60_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:cc');

for (const name of ['in-flight', 'in-flight-kinds']) {
  await t.test(
    `${kills} kills of agents lose no message of ${name}, and double none`,
    { skip },
    async (t) => {
      const seed = chooseSeed();
      t.comment(`seed ${seed}: GODWIT_SEED=${seed} repeats this run`);
      const random = seededRandom(seed);
      await using hosts = await makeHosts({ count: 2 });
      const { a, b } = hosts;
      await a.receive();
      await b.receive();
      const workload = await startWorkload(a, name);
      const { pid } = workload;
      const began = performance.now();
      t.equal((await a.migrate(pid, b)).code, 0, 'an undisturbed migration');
      const wholeMs = performance.now() - began;
      let at = b;
      let moved = 0;
      for (let i = 0; i < kills; i++) {
        const to = at === a ? b : a;
        const flight = at.start(process.execPath, at.migrateArgs(pid, to, ['--json']), { timeoutMs: 60_000 });
        const agent = await at.pidOf(flight);
        await sleep(random() * wholeMs);
        killAll(random() < 0.5 ? [agent] : workersOf(to));
        await flight.ended;
        const next = await onlyHost([a, b], pid);
        if (next !== at) moved++;
        at = next;
      }
      t.comment(`${moved} of ${kills} had moved`);
      t.equal(await verdictOf(at, workload), 'ok', 'everything is received');
    },
  );
}

/** Where the tree is, once it is in one place and the other host is clean. */
async function onlyHost(hosts: readonly Host[], pid: number): Promise<Host> {
  let there: readonly Host[] = [];
  const settled = async (): Promise<boolean> => {
    there = hosts.filter((host) => host.process(pid) !== undefined);
    const others = hosts.filter((host) => !there.includes(host));
    const left = await Promise.all(others.map(async (host) => host.leftovers()));
    return there.length === 1 && left.flat().length === 0;
  };
  await until('one copy is left, and nothing else', settled, 30_000, 100);
  const [host] = there;
  if (host === undefined) throw new Error(`process ${pid} is nowhere`);
  return host;
}

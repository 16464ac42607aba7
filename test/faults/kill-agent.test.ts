// SIGKILL of the source's agent, of the receiving worker, or of both, at random instants of a migration: afterwards exactly one
// copy runs, without help, and nothing is left over. GODWIT_KILLS says how often (8); the seed is printed, and
// `--from-seed N` (or GODWIT_SEED) goes on from it.
import t from 'tap';
import { sleep, until } from '../helpers/commands.ts';
import { untilBeat } from '../helpers/heartbeat.ts';
import { unless } from '../helpers/skip-unless.ts';
import {
  chooseSeed,
  claimContent,
  faultsOf,
  hostOf,
  killAll,
  makeBed,
  seededRandom,
  workersOf,
} from './bed.ts';
import type { Bed } from './bed.ts';

const kills = Number(process.env['GODWIT_KILLS'] ?? 8);
const mib = Number(process.env['GODWIT_KILL_MIB'] ?? 16);
t.setTimeout(300_000 + kills * 30_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:cc');
const victims = ['source', 'worker', 'both'] as const;

interface Kill {
  readonly what: string;
  /** From the kill to the next beat; undefined when none came. */
  readonly recoveredMs: number | undefined;
  readonly moved: boolean;
}

/** One migration from where the tree is, with one kill in it. */
async function flyAndKill(bed: Bed, random: () => number, wholeMs: number): Promise<Kill> {
  const from = hostOf(bed);
  const to = from === bed.a ? bed.b : bed.a;
  const victim = victims[Math.floor(random() * victims.length)] ?? 'both';
  const delayMs = random() * wholeMs;
  const flight = from.start(process.execPath, from.migrateArgs(bed.counter.pid, to, ['--json']), {
    timeoutMs: 60_000,
  });
  const agent = await from.pidOf(flight);
  await sleep(delayMs);
  const pids = [...(victim === 'worker' ? [] : [agent]), ...(victim === 'source' ? [] : workersOf(to))];
  killAll(pids);
  const recoveredMs = await untilBeat(bed.beats, 5000);
  const { code, signal } = await flight.ended;
  const what = `${victim} after ${delayMs.toFixed(1)} ms (${pids.length} killed), agent: ${String(code ?? signal)}`;
  await sleep(50);
  return { what, recoveredMs, moved: hostOf(bed) !== from };
}

function slowest(kills: readonly Kill[]): string {
  const ms = ({ recoveredMs = Infinity }: Kill): number => recoveredMs;
  const worst = [...kills].sort((x, y) => ms(y) - ms(x)).slice(0, 4);
  return worst.map((kill) => `${ms(kill).toFixed(0)} ms (${kill.what})`).join(', ');
}

/** Duration of a migration that nobody disturbs, so that kills fall into all of it. */
async function measure(bed: Bed): Promise<number> {
  const start = performance.now();
  const result = await bed.a.migrate(bed.counter.pid, bed.b);
  if (result.code !== 0) throw new Error(`the first migration failed: ${result.stdout}${result.stderr}`);
  return performance.now() - start;
}

await t.test(
  `${kills} kills of agents leave one running copy each`,
  { skip, timeout: 60_000 + kills * 30_000 },
  async (t) => {
    const first = chooseSeed();
    t.comment(`seed ${first}: GODWIT_SEED=${first} repeats this run`);
    let bed: Bed | undefined;
    let wholeMs = 0;
    const done: Kill[] = [];
    let good = 0;
    try {
      for (let i = 0; i < kills; i++) {
        if (bed === undefined) {
          bed = await makeBed({ mib });
          await bed.a.receive();
          wholeMs = await measure(bed);
          t.comment(`an undisturbed migration takes ${wholeMs.toFixed(0)} ms`);
        }
        const kill = await flyAndKill(bed, seededRandom(first + i), wholeMs);
        const faults = await faultsOf(bed);
        done.push(kill);
        if ((i + 1) % 50 === 0) t.comment(`${i + 1} of ${kills} done; the next seed is ${first + i + 1}`);
        if (faults.length === 0) {
          good++;
          continue;
        }
        t.fail(`seed ${first + i}: ${kill.what}`, { faults });
        const journals = 'tail -n 50 /run/godwit/*/*/journal';
        for (const host of bed.hosts.all) t.comment((await host.run('sh', ['-c', journals])).stdout);
        await bed[Symbol.asyncDispose]();
        bed = undefined; // go on with a fresh tree
      }
      const moved = done.filter((kill) => kill.moved);
      t.comment(`${good} of ${kills} good, ${moved.length} had moved`);
      // Only before COMMIT nobody has to be asked who owns the tree.
      t.comment(`slowest recoveries where it was: ${slowest(done.filter((kill) => !kill.moved))}`);
      t.comment(`slowest arrivals: ${slowest(moved)}`);
      t.equal(good, kills, 'exactly one running copy each time');
      if (bed !== undefined) await claimContent(t, bed);
    } finally {
      await bed?.[Symbol.asyncDispose]();
    }
  },
);

await t.test('a killed receive daemon leaves what it restored running', { skip }, async (t) => {
  await using bed = await makeBed();
  t.equal((await bed.a.migrate(bed.counter.pid, bed.b)).code, 0);
  const daemon = bed.b.receiver?.pid ?? -1;
  t.ok(bed.b.kill(daemon));
  await bed.b.waitGone(daemon);
  t.strictSame(await faultsOf(bed), []);
  t.equal(hostOf(bed).name, 'b');
  await bed.b.receive();
  await bed.a.receive();
  t.equal((await bed.b.migrate(bed.counter.pid, bed.a)).code, 0, 'and it can move on');
  await until('the keeper of b ends with its tree', async () => (await bed.b.leftovers()).length === 0);
  await claimContent(t, bed);
});

// The downtime of redis under write load, as a client outside of the tree sees it: between two hosts made of namespaces, there and
// back. GODWIT_MIB: its data (1024), GODWIT_MOVES: how many flights (20), GODWIT_IDLE=1: nobody writes, GODWIT_ARGS: options of migrate.
// What it reports stands beside it. No baseline exists for a pause: the same flights of a small redis are the measure of a large one.
import { sleep } from '../test/helpers/commands.ts';
import { preload, RedisLoad, startRedis } from '../test/programs/redis.ts';
import { downtimeOf, fly, makeReceivers, needHosts, partsOf } from './lib/hosts.ts';
import { reportGoal } from './lib/report.ts';
import { moreArgs, sizeOf } from './lib/sizes.ts';
import { median, quantile } from './lib/statistics.ts';

const mib = sizeOf('GODWIT_MIB', 1024, 64);
const moves = sizeOf('GODWIT_MOVES', 20, 4);
const isIdle = process.env['GODWIT_IDLE'] === '1';

await needHosts();
await using hosts = await makeReceivers();
const redis = await startRedis(hosts.a);
await preload(hosts.a, mib);
using load = await RedisLoad.start(hosts.all, isIdle ? { keys: 1 } : {});
await sleep(1000);

const what = `redis, ${mib} MiB, ${isIdle ? 'idle' : 'under writes'}`;
const pauses: number[] = [];
const downtimes: number[] = [];
const parts = new Map<string, number[]>();
for (let i = 0; i < moves; i++) {
  const [from, to] = i % 2 === 0 ? [hosts.a, hosts.b] : [hosts.b, hosts.a];
  await load.mark();
  const report = await fly({ pid: redis.pid, from, to, what, args: ['--tcp-close'] });
  await sleep(500);
  pauses.push((await load.mark()).longestGapMs);
  downtimes.push(downtimeOf(report));
  for (const [name, ms] of Object.entries(partsOf(report))) parts.set(name, [...(parts.get(name) ?? []), ms]);
}

const line = (name: string, values: readonly number[]): void => {
  const [middle, p95, worst] = [0.5, 0.95, 1].map((share) => quantile(values, share).toFixed(1));
  console.log(`  ${name.padEnd(25)} median ${middle} ms, p95 ${p95} ms, worst ${worst} ms`);
};
console.log(`${what}: ${pauses.length} flights`);
line('pause seen by the client', pauses);
line('downtime as reported', downtimes);
for (const [name, values] of parts) line(`  ${name}`, values);
if (!isIdle) {
  const conditions =
    `${mib} MiB, ${moves} flights between namespaces of one machine` +
    `${moreArgs.length > 0 ? `, ${moreArgs.join(' ')}` : ''}; worst ${Math.max(...pauses).toFixed(1)} ms; ` +
    `reported: median ${median(downtimes).toFixed(1)} ms`;
  const reduced = mib < 1024;
  reportGoal('redis-pause-median', median(pauses), { conditions, reduced });
  reportGoal('redis-pause-p95', quantile(pauses, 0.95), { conditions, reduced: reduced || moves < 20 });
}

// The downtime of redis under write load, as a client outside of the tree sees it: between two hosts made of namespaces, there and
// back. GODWIT_MIB: its data (64), GODWIT_MOVES: how many flights (10), GODWIT_IDLE=1: nobody writes, GODWIT_ARGS: options of migrate. What it reports
// stands beside it. No baseline exists for a pause: the same flights of a small redis are the measure of a large one.
import { sleep } from '../test/helpers/commands.ts';
import { canMakeHosts } from '../test/helpers/can-make-hosts.ts';
import { makeHosts } from '../test/helpers/hosts.ts';
import { preload, RedisLoad, startRedis } from '../test/programs/redis.ts';

const mib = Number(process.env['GODWIT_MIB'] ?? 64);
const moves = Number(process.env['GODWIT_MOVES'] ?? 10);
const extra = (process.env['GODWIT_ARGS'] ?? '').split(' ').filter((arg) => arg !== '');
const isIdle = process.env['GODWIT_IDLE'] === '1';

const blocked = await canMakeHosts();
if (blocked !== true) {
  console.log(`skipped: ${blocked}`);
  process.exit(0);
}
await using hosts = await makeHosts({ count: 2 });
const [a, b] = [hosts.a, hosts.b];
await a.receive();
await b.receive();
const redis = await startRedis(a);
await preload(a, mib);
using load = await RedisLoad.start(hosts.all, isIdle ? { keys: 1 } : {});
await sleep(1000);

const pauses: number[] = [];
const downtimes: number[] = [];
const parts = new Map<string, number[]>();
let failures = 0;
for (let i = 0; i < moves; i++) {
  const [from, to] = i % 2 === 0 ? [a, b] : [b, a];
  await load.mark();
  const { code, report } = await from.migrate(redis.pid, to, { args: ['--tcp-close', ...extra] });
  if (code !== 0) {
    failures++;
    break;
  }
  await sleep(500);
  pauses.push((await load.mark()).longestGapMs);
  downtimes.push(Number(report?.['downtime']));
  const named = report?.['downtime-parts'] as Record<string, number>;
  for (const [name, ms] of Object.entries(named)) parts.set(name, [...(parts.get(name) ?? []), ms]);
}

const median = (values: readonly number[]): string =>
  (values.toSorted((x, y) => x - y)[Math.floor(values.length / 2)] ?? NaN).toFixed(1);
console.log(
  `redis with ${mib} MiB${isIdle ? ', idle' : ' under writes'}: ${pauses.length} flights, ${failures} failed`,
);
console.log(
  `  pause seen by the client  median ${median(pauses)} ms, worst ${Math.max(...pauses).toFixed(1)} ms`,
);
console.log(
  `  downtime as reported      median ${median(downtimes)} ms, worst ${Math.max(...downtimes).toFixed(1)} ms`,
);
for (const [name, values] of parts) console.log(`    ${name.padEnd(8)} median ${median(values)} ms`);
process.exitCode = failures > 0 ? 1 : 0;

// A redis that is written to faster than the wire takes it, moved by post-copy: what GETs of a client take in the first second after it, and
// how fast memory follows, against C in the same run (transport/copy.c). Another client writes until the switch; then only the one asks.
// GODWIT_MIB: its data (1024), GODWIT_MOVES: how many flights (5), GODWIT_ARGS: options of migrate.
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { sleep } from '../test/helpers/commands.ts';
import { preload, redisPort, startRedis } from '../test/programs/redis.ts';
import { Children, moveBetween, type Word } from './lib/children.ts';
import { compile } from './lib/compile.ts';
import { downtimeOf, fly, makeReceivers, needHosts, partsOf } from './lib/hosts.ts';
import { reportGoal } from './lib/report.ts';
import { sizeOf } from './lib/sizes.ts';
import { median } from './lib/statistics.ts';
import type { GetReport } from './postcopy/client.ts';

const mib = sizeOf('GODWIT_MIB', 1024, 96);
const moves = sizeOf('GODWIT_MOVES', 5, 2);
/** No freeze is so short: what is dirty after the second round follows. */
const args = ['--tcp-close', '--postcopy', '--max-downtime', '1', '--compress', 'none'];
const copyMib = 512;
const writeMs = 1000;

await needHosts();
await using hosts = await makeReceivers();
const redis = await startRedis(hosts.a);
const keys = await preload(hosts.a, mib);
using children = new Children();
const { binary: copy, folder } = compile('copy', 'transport');
const client = fileURLToPath(new URL('postcopy/client.ts', import.meta.url));

/** Gigabytes (10^9) a second, by C. */
async function plainRate(): Promise<number> {
  const [from, to] = [children.start(copy, ['memory', copyMib]), children.start(copy, ['memory', copyMib])];
  const places = await Promise.all([from.line(), to.line()]);
  const words = (i: 0 | 1): Word[] => [...places[i].split(' '), copyMib];
  const { rate } = await moveBetween(
    copyMib * 2 ** 20,
    () => children.start(copy, ['receive', ...words(1)]),
    (port) => children.start(copy, ['send', port, ...words(0)]),
  );
  for (const { child } of [from, to]) child.kill('SIGKILL');
  return rate;
}

const gets: GetReport[] = [];
const ratios: number[] = [];
const rates: number[] = [];
const followedMib: number[] = [];
try {
  for (let i = 0; i < moves; i++) {
    const [from, to] = i % 2 === 0 ? [hosts.a, hosts.b] : [hosts.b, hosts.a];
    const c = await plainRate();
    const asking = children.startNode(client, ['get', from.ip, to.ip, redisPort, keys]);
    const writing = children.startNode(client, ['write', from.ip, redisPort, keys]);
    await Promise.all([asking.line(), writing.line()]);
    await sleep(writeMs);
    const report = await fly({ pid: redis.pid, from, to, what: `redis, ${mib} MiB, post-copy`, args });
    const get = JSON.parse(await asking.line()) as GetReport;
    const followed = report['postcopy'] as Record<string, number> | undefined;
    if (followed === undefined) throw new Error(`no memory followed: ${String(report['reason'])}`);
    const { pages = NaN, time = NaN } = followed;
    const rate = (pages * 4096) / 1e6 / time;
    gets.push(get);
    rates.push(rate);
    ratios.push(rate / c);
    followedMib.push(pages / 256);
    const { before, after } = get;
    console.log(
      `downtime ${downtimeOf(report)} ms, predicted ${String(report['expected-downtime'])}: ${JSON.stringify(partsOf(report))}; GET before: p50 ${before.p50.toFixed(2)}, p99 ${before.p99.toFixed(2)}, max ${before.max.toFixed(1)} ms; ` +
        `in the first second: p50 ${after.p50.toFixed(2)}, p99 ${after.p99.toFixed(2)}, max ${after.max.toFixed(1)} ms of ${after.answers}; ` +
        `${(pages / 256).toFixed(0)} MiB followed in ${time} ms, ${rate.toFixed(2)} GB/s, C ${c.toFixed(2)} GB/s; ${JSON.stringify(followed)}`,
    );
  }
} finally {
  rmSync(folder, { recursive: true });
}
const of = (what: (get: GetReport) => number): string => median(gets.map(what)).toFixed(2);
const conditions = `${mib} MiB, ${moves} flights, ${median(followedMib).toFixed(0)} MiB followed`;
reportGoal('post-copy-p99', median(gets.map(({ after }) => after.p99)), {
  conditions:
    `${conditions}; medians: p50 ${of(({ after }) => after.p50)}, max ${of(({ after }) => after.max)} ms; ` +
    `before, beside the writes: p99 ${of(({ before }) => before.p99)} ms`,
  reduced: mib < 1024,
});
reportGoal('post-copy-drain', median(ratios), {
  conditions: `${conditions}, not compressed, ${median(rates).toFixed(2)} GB/s`,
  reduced: mib < 1024,
});

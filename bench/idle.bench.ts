// Whether the downtime of an idle redis depends on how much memory it has: a large one and a small one, each between hosts of its own, in turns,
// there and back. GODWIT_LARGE_MIB (8192), GODWIT_SMALL_MIB (64), GODWIT_MOVES: how many flights of each (6), GODWIT_ARGS.
import { preload, startRedis } from '../test/programs/redis.ts';
import { downtimeOf, fly, makeReceivers, needHosts, partsOf } from './lib/hosts.ts';
import { reportGoal } from './lib/report.ts';
import { sizeOf } from './lib/sizes.ts';
import { median } from './lib/statistics.ts';

const largeMib = sizeOf('GODWIT_LARGE_MIB', 8192, 256);
const smallMib = sizeOf('GODWIT_SMALL_MIB', 64, 64);
const moves = sizeOf('GODWIT_MOVES', 6, 2);

await needHosts();
const place = async (mib: number): Promise<{ mib: number; pid: number; hosts: typeof large }> => {
  const hosts = mib === largeMib ? large : small;
  const { pid } = await startRedis(hosts.a);
  await preload(hosts.a, mib);
  return { mib, pid, hosts };
};
await using large = await makeReceivers();
await using small = await makeReceivers();
const places = [await place(smallMib), await place(largeMib)];
const downtimes = new Map<number, number[]>(places.map(({ mib }) => [mib, []]));
for (let i = 0; i < moves; i++)
  for (const { mib, pid, hosts } of places) {
    const [from, to] = i % 2 === 0 ? [hosts.a, hosts.b] : [hosts.b, hosts.a];
    const report = await fly({ pid, from, to, what: `redis, ${mib} MiB, idle`, timeoutMs: 300_000 });
    downtimes.get(mib)?.push(downtimeOf(report));
    console.log(
      `${mib} MiB: downtime ${downtimeOf(report)} ms of ${String(report['total-time'])}: ${JSON.stringify(partsOf(report))}`,
    );
  }
const [ofSmall, ofLarge] = [smallMib, largeMib].map((mib) => median(downtimes.get(mib) ?? []));
reportGoal('idle-large-to-small', (ofLarge ?? NaN) / (ofSmall ?? NaN), {
  conditions: `${largeMib} against ${smallMib} MiB, medians of ${moves} flights each, in turns: ${ofLarge?.toFixed(1)} and ${ofSmall?.toFixed(1)} ms`,
  reduced: largeMib < 8192,
});

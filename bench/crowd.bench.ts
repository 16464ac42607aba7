// How the pause grows with the size of a tree: a lot of one kind (test/workloads/crowd.c), a quarter, a half and all of it, each
// moved there and back. Linear growth shows as equal costs for each of them; the last column is the cost against that of a quarter.
// GODWIT_KINDS: only these (processes,threads,...). GODWIT_SCALE: parts of the full counts (1).
import { startWorkload, verdictOf } from '../test/helpers/workloads.ts';
import { downtimeOf, fly, makeReceivers, needHosts, partsOf } from './lib/hosts.ts';
import { reportGoal } from './lib/report.ts';
import { sizeOf } from './lib/sizes.ts';

const full = { processes: 1000, threads: 1000, mappings: 10_000, descriptors: 10_000, sockets: 1000 };
const kinds = Object.entries(full).filter(
  ([kind]) => process.env['GODWIT_KINDS']?.split(',').includes(kind) ?? true,
);
const scale = sizeOf('GODWIT_SCALE', 1, 0.04);

await needHosts();
for (const [kind, most] of kinds) {
  let quarter: number | undefined;
  for (const part of [4, 2, 1]) {
    const count = Math.ceil((most * scale) / part);
    await using hosts = await makeReceivers();
    const { a, b } = hosts;
    const crowd = await startWorkload(a, 'crowd', [kind, String(count)]);
    const pauses: number[] = [];
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const report = await fly({ pid: crowd.pid, from, to, what: `${count} ${kind}` });
      const downtime = downtimeOf(report);
      pauses.push(downtime);
      console.log(
        `${kind.padEnd(12)} ${String(count).padStart(6)}  downtime ${downtime.toFixed(1)} ms of ${String(report['total-time'])}, ` +
          `predicted ${String(report['expected-downtime'])}: ${Object.entries(partsOf(report))
            .map(([name, ms]) => `${name} ${ms.toFixed(1)}`)
            .join(', ')}`,
      );
    }
    const verdict = await verdictOf(a, crowd);
    if (verdict !== 'ok') throw new Error(`${kind} ${count}: ${verdict}`);
    const each = (Math.min(...pauses) * 1000) / count;
    quarter ??= each;
    console.log(
      `${kind.padEnd(12)} ${String(count).padStart(6)}  ${each.toFixed(1)} us each, ${(each / quarter).toFixed(2)} of a quarter's`,
    );
    if (kind === 'processes' && part === 1)
      reportGoal('crowd-each', each / 1000, {
        conditions: `${count} processes, the shorter of two flights: ${Math.min(...pauses).toFixed(0)} ms; ${(each / quarter).toFixed(2)} times as much each as of a quarter of them`,
        reduced: count < 1000,
      });
  }
}

// How the pause grows with the size of a tree: a lot of one kind (test/workloads/crowd.c), a quarter, a half and all of it, each
// moved there and back. Linear growth shows as equal costs for each of them; the last column is the cost against that of a quarter.
// GODWIT_KINDS: only these (processes,threads,...). GODWIT_SCALE: parts of the full counts (1).
import { canMakeHosts } from '../test/helpers/can-make-hosts.ts';
import { makeHosts } from '../test/helpers/hosts.ts';
import { startWorkload, verdictOf } from '../test/helpers/workloads.ts';

const full = { processes: 1000, threads: 1000, mappings: 10_000, descriptors: 10_000, sockets: 1000 };
const kinds = Object.entries(full).filter(
  ([kind]) => process.env['GODWIT_KINDS']?.split(',').includes(kind) ?? true,
);
const scale = Number(process.env['GODWIT_SCALE'] ?? 1);

const blocked = await canMakeHosts();
if (blocked !== true) {
  console.log(`skipped: ${blocked}`);
  process.exit(0);
}
process.exitCode = 1;
for (const [kind, most] of kinds) {
  let quarter: number | undefined;
  for (const part of [4, 2, 1]) {
    const count = Math.ceil((most * scale) / part);
    await using hosts = await makeHosts({ count: 2 });
    const { a, b } = hosts;
    await a.receive();
    await b.receive();
    const crowd = await startWorkload(a, 'crowd', [kind, String(count)]);
    const pauses: number[] = [];
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const { code, report, stdout, stderr } = await from.migrate(crowd.pid, to);
      if (code !== 0 || report === undefined) {
        console.log(`${kind} ${count}: not moved, exit ${String(code)}\n${stdout.slice(-2000)}${stderr}`);
        process.exit(1);
      }
      const parts = Object.entries(report['downtime-parts'] as Record<string, number>);
      const downtime = Number(report['downtime']);
      pauses.push(downtime);
      console.log(
        `${kind.padEnd(12)} ${String(count).padStart(6)}  downtime ${downtime.toFixed(1)} ms of ${String(report['total-time'])}, ` +
          `predicted ${String(report['expected-downtime'])}: ${parts.map(([name, ms]) => `${name} ${ms.toFixed(1)}`).join(', ')}`,
      );
    }
    const verdict = await verdictOf(a, crowd);
    if (verdict !== 'ok') {
      console.log(`${kind} ${count}: ${verdict}`);
      process.exit(1);
    }
    const each = (Math.min(...pauses) * 1000) / count;
    quarter ??= each;
    console.log(
      `${kind.padEnd(12)} ${String(count).padStart(6)}  ${each.toFixed(1)} us each, ${(each / quarter).toFixed(2)} of a quarter's`,
    );
  }
}
process.exitCode = 0;

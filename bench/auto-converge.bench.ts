// A workload that writes faster than the wire takes its pages (test/workloads/slowed.c), moved without and with --auto-converge: rounds, the
// greatest throttle, the pages of the delta, the downtime. GODWIT_MIB: how much it writes (256). GODWIT_TURNS: of each (3).
import { makeHosts } from '../test/helpers/hosts.ts';
import { startWorkload, verdictOf } from '../test/helpers/workloads.ts';
import { fly, needHosts } from './lib/hosts.ts';
import { isQuick, sizeOf } from './lib/sizes.ts';

const mib = process.env['GODWIT_MIB'] ?? (isQuick ? '64' : '256');
const turns = sizeOf('GODWIT_TURNS', 3, 1);

await needHosts();
for (let turn = 0; turn < turns; turn++) {
  for (const option of ['--no-auto-converge', '--auto-converge']) {
    await using hosts = await makeHosts({ count: 2 });
    const { a, b } = hosts;
    await b.receive();
    const workload = await startWorkload(a, 'slowed', [mib]);
    const what = `writes ${mib} MiB, ${option}`;
    const report = await fly({ pid: workload.pid, from: a, to: b, what, args: [option] });
    const verdict = await verdictOf(b, workload);
    if (verdict !== 'ok') throw new Error(`${option}: ${verdict}`);
    const ram = report['ram'] as Record<string, number>;
    console.log(
      `${option.padEnd(20)} ${String(ram['dirty-sync-count']).padStart(3)} rounds in ${(Number(report['total-time']) / 1000).toFixed(1)} s, ` +
        `slowed by ${String(report['cpu-throttle-percentage'])} % at most, delta ${String(ram['delta-pages'])} pages, ` +
        `downtime ${String(report['downtime'])} ms: ${String(report['reason'])}`,
    );
  }
}

// A workload that writes faster than the wire takes its pages (test/workloads/slowed.c), moved without and with --auto-converge: rounds, the
// greatest throttle, the pages of the delta, the downtime. GODWIT_MIB: how much it writes (256). GODWIT_TURNS: of each (3).
import { canMakeHosts } from '../test/helpers/can-make-hosts.ts';
import { makeHosts } from '../test/helpers/hosts.ts';
import { startWorkload, verdictOf } from '../test/helpers/workloads.ts';

const mib = process.env['GODWIT_MIB'] ?? '256';
const turns = Number(process.env['GODWIT_TURNS'] ?? 3);

const blocked = await canMakeHosts();
if (blocked !== true) {
  console.log(`skipped: ${blocked}`);
  process.exit(0);
}
process.exitCode = 1;
for (let turn = 0; turn < turns; turn++) {
  for (const option of ['--no-auto-converge', '--auto-converge']) {
    await using hosts = await makeHosts({ count: 2 });
    const { a, b } = hosts;
    await b.receive();
    const workload = await startWorkload(a, 'slowed', [mib]);
    const { code, report, stdout, stderr } = await a.migrate(workload.pid, b, { args: [option] });
    const verdict = await verdictOf(b, workload);
    if (code !== 0 || report === undefined || verdict !== 'ok') {
      console.log(`${option}: exit ${String(code)}, ${verdict}\n${stdout.slice(-2000)}${stderr}`);
      process.exit(1);
    }
    const ram = report['ram'] as Record<string, number>;
    console.log(
      `${option.padEnd(20)} ${String(ram['dirty-sync-count']).padStart(3)} rounds in ${(Number(report['total-time']) / 1000).toFixed(1)} s, ` +
        `slowed by ${String(report['cpu-throttle-percentage'])} % at most, delta ${String(ram['delta-pages'])} pages, ` +
        `downtime ${String(report['downtime'])} ms: ${String(report['reason'])}`,
    );
  }
}
process.exitCode = 0;

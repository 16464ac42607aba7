// What a freeze takes of a tree that writes nothing: one process with one thread (the fixed cost), and 33 processes with 675 MB; each there and
// back. GODWIT_MOVES: how many flights of each (10), GODWIT_ARGS: options of migrate.
import { rmSync } from 'node:fs';
import { until } from '../test/helpers/commands.ts';
import { compile } from './lib/compile.ts';
import type { GoalName } from './lib/goals.ts';
import { downtimeOf, flyToAndFro, makeReceivers, needHosts, partsOf } from './lib/hosts.ts';
import { reportGoal } from './lib/report.ts';
import { fullOrQuick, sizeOf } from './lib/sizes.ts';
import { median, quantile } from './lib/statistics.ts';

const moves = sizeOf('GODWIT_MOVES', 10, 2);
const members = 33;
const megabytes = fullOrQuick(675, 66);
const kibOfEach = Math.round((megabytes * 1e6) / members / 4096) * 4;

await needHosts();
await using hosts = await makeReceivers();

async function measure(goal: GoalName, what: string, pid: number, reduced: boolean): Promise<void> {
  const reports = await flyToAndFro(hosts, moves, { pid, what });
  for (const report of reports)
    console.log(
      `${what}: downtime ${downtimeOf(report)} ms, predicted ${String(report['expected-downtime'])}: ${JSON.stringify(partsOf(report))}`,
    );
  const downtimes = reports.map(downtimeOf);
  const conditions = `median of ${moves} flights between namespaces of one machine; ${quantile(downtimes, 0).toFixed(1)} to ${quantile(downtimes, 1).toFixed(1)} ms`;
  reportGoal(goal, median(downtimes), { conditions, reduced });
}

const alone = await hosts.a.spawn('sleep', ['infinity']);
await measure('one-thread', 'one thread', alone.pid, false);

const { binary, folder } = compile('family');
try {
  const family = await hosts.a.spawn(binary, [String(members), String(kibOfEach)]);
  await until('all of its memory is written', () => family.log().includes('ready'), 60_000);
  await measure('many-processes', `${members} processes, ${megabytes} MB`, family.pid, megabytes < 675);
} finally {
  rmSync(folder, { recursive: true });
}

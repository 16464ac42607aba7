// Pages that are sent again travel as deltas (--delta-cache): the tree finds in its memory what it wrote, whatever it does with it between
// rounds, and much less is sent over a slow wire.
import t from 'tap';
import type { Host, MigrateResult, ReportLine } from '../helpers/host.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { explain, roundsTimeoutMs } from '../helpers/round-trip.ts';
import { unless } from '../helpers/skip-unless.ts';
import { startWorkload, verdictOf } from '../helpers/workloads.ts';

t.setTimeout(roundsTimeoutMs);
const skip = await unless('hosts', 'godwit', 'command:cc');

interface Deltas {
  readonly 'cache-size': number;
  readonly 'page-bytes': number;
  readonly 'delta-bytes': number;
  readonly 'saved-bytes': number;
}

function reportOf(result: MigrateResult, to: Host): ReportLine {
  if (result.code !== 0 || result.report === undefined) throw new Error(explain(result, to));
  return result.report;
}

function deltasOf(line: ReportLine): Deltas {
  return line['deltas'] as Deltas;
}

/** Rounds enough for the workload to do all that it does, over a wire of 32 MB a second. */
const busy = ['--bandwidth', '32MB', '--max-downtime', '1', '--max-rounds', '12'];

for (const [name, args] of Object.entries({
  'as they are': ['--compress', 'none'],
  'compressed too': ['--compress', 'lz4'],
  'by another tracker': ['--compress', 'none', '--tracker', 'compare'],
  'with a cache that is much too small': ['--compress', 'none', '--delta-cache', '1MiB'],
})) {
  await t.test(`deltas, ${name}`, { skip }, async (t) => {
    await using hosts = await makeHosts({ count: 2 });
    const { a, b } = hosts;
    await b.receive();
    const workload = await startWorkload(a, 'words', ['24', '200000']);
    const result = await a.migrate(workload.pid, b, { args: [...busy, ...args] });
    if (result.code !== 0) t.comment(workload.log());
    const deltas = deltasOf(reportOf(result, b));
    t.ok(deltas['page-bytes'] > 1 << 20, JSON.stringify(deltas));
    t.ok(deltas['saved-bytes'] > deltas['page-bytes'] / 2, 'they are much smaller than pages');
    t.equal(await verdictOf(b, workload), 'ok');
  });
}

await t.test('on a wire that is slower than the tree writes they are what converges', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b } = hosts;
  await b.receive();
  for (const cache of ['0', '64MiB']) {
    // 12 MiB, all of whose pages are written in each round.
    const workload = await startWorkload(a, 'words', ['12', '100000', '0']);
    const args = ['--bandwidth', '12MB', '--compress', 'none', '--max-rounds', '6', '--delta-cache', cache];
    const result = await a.migrate(workload.pid, b, { args });
    const report = reportOf(result, b);
    t.equal(deltasOf(report)['cache-size'], cache === '0' ? 0 : 64 << 20);
    if (cache === '0') t.equal(deltasOf(report)['page-bytes'], 0);
    const rounds = result.lines.filter((line) => 'round-time' in line);
    t.comment(
      rounds
        .map(
          (line) => `${String((line['ram'] as ReportLine)['transferred'])} in ${String(line['round-time'])}`,
        )
        .join(', '),
      `downtime ${String(report['downtime'])} predicted ${String(report['expected-downtime'])} total ${String(report['total-time'])}`,
    );
    const { transferred = NaN } = report['ram'] as Record<string, number>;
    const [first = NaN, ...later] = rounds.map((line) => Number((line['ram'] as ReportLine)['transferred']));
    const pages = later.reduce((sum, bytes) => sum + bytes, 0);
    const sent = transferred - first;
    // How long that takes is a matter of what else the machine does.
    if (cache === '0') t.ok(sent > pages * 0.95, `${sent} bytes for ${pages} of pages behind round 0`);
    else {
      t.ok(sent < pages / 4, `${sent} bytes for ${pages} of pages behind round 0`);
      t.match(report['reason'], /is within 50 ms/, 'it converges');
    }
    t.equal(await verdictOf(b, workload), 'ok');
  }
});

// Trees that grow while they are copied: by as much memory again, by a thousand children in one round. They move, or stay as the options say,
// and their memory is right.
import t, { type Test } from 'tap';
import { until, type StartedCommand } from '../helpers/commands.ts';
import { parseReport, type Host, type ReportLine } from '../helpers/host.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { unless } from '../helpers/skip-unless.ts';
import { startWorkload, verdictOf, type RunningWorkload } from '../helpers/workloads.ts';

t.setTimeout(400_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:cc');

const linesOf = ({ stdout }: StartedCommand): ReportLine[] =>
  parseReport(stdout.slice(0, stdout.lastIndexOf('\n') + 1));

interface Flown {
  readonly code: number | null;
  readonly report: ReportLine | undefined;
}

/** Lets the workload grow as soon as pages are copied. */
async function flyGrowing(
  { a, b }: { readonly a: Host; readonly b: Host },
  workload: RunningWorkload,
  args: readonly string[],
): Promise<Flown> {
  const flight = a.start(process.execPath, a.migrateArgs(workload.pid, b, ['--json', ...args]), {
    timeoutMs: 200_000,
  });
  await until('the copying to begin', () => linesOf(flight).some((line) => line['phase'] === 'pre-copy'));
  a.kill(workload.pid, 'SIGUSR2');
  const { code } = await flight.ended;
  return { code, report: linesOf(flight).at(-1) };
}

async function claimWell(t: Test, host: Host, other: Host, workload: RunningWorkload): Promise<void> {
  const verdict = await verdictOf(host, workload);
  t.equal(verdict.replaceAll(/^grown\n/gm, ''), 'ok', `it runs on ${host.name}, and its memory is right`);
  t.strictSame(await other.lastingLeftovers(), [], 'the other host keeps nothing');
}

await t.test('memory that doubles in pre-copy', { skip, timeout: 180_000 }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b } = hosts;
  await b.receive();
  const slow = ['--bandwidth', '64MB', '--compress', 'none'];
  const workload = await startWorkload(a, 'grows', ['64']);
  // Round 0 takes a second; with what has come meanwhile it is two.
  const stays = await flyGrowing(hosts, workload, [...slow, '--timeout', '1.5', '--on-timeout', 'cancel']);
  t.equal(stays.code, 1);
  t.match(stays.report, {
    status: 'failed',
    error: { code: 'NOT_CONVERGED', message: /the time for copying/ },
  });
  t.ok(a.process(workload.pid));
  const moves = await flyGrowing(hosts, workload, slow);
  t.equal(moves.code, 0, JSON.stringify(moves.report));
  t.comment(`downtime ${String(moves.report?.['downtime'])} ms: ${String(moves.report?.['reason'])}`);
  t.ok(Number((moves.report?.['ram'] as ReportLine)['normal']) > (255 << 20) / 4096, 'all of it was sent');
  await claimWell(t, b, a, workload);
});

await t.test('a thousand children in one round', { skip, timeout: 380_000 }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b } = hosts;
  await b.receive();
  const workload = await startWorkload(a, 'grows', ['16', '1000']);
  const began = performance.now();
  const stays = await flyGrowing(hosts, workload, [
    '--max-downtime',
    '1',
    '--max-rounds',
    '4',
    '--on-timeout',
    'cancel',
  ]);
  t.comment(`${((performance.now() - began) / 1000).toFixed(1)} s: ${JSON.stringify(stays.report)}`);
  t.equal(stays.code, 1);
  t.match(stays.report, {
    status: 'failed',
    error: { code: 'NOT_CONVERGED', message: /4 rounds are done|gain nothing/ },
  });
  await claimWell(t, a, b, workload);
});

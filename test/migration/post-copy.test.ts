// A tree that writes faster than the wire takes its pages, and runs on the target before all of them are there. It checks each page whenever
// it uses it, while it forks, moves memory about, gives it back, and lets the kernel read and write it.
import t, { type Test } from 'tap';
import { until } from '../helpers/commands.ts';
import { type Host, type ReportLine } from '../helpers/host.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { unless } from '../helpers/skip-unless.ts';
import { startWorkload, verdictOf, type RunningWorkload } from '../helpers/workloads.ts';

t.setTimeout(300_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:cc');

/** Its own words, without what it has told on the way. */
async function claimWell(t: Test, host: Host, workload: RunningWorkload): Promise<void> {
  const verdict = await verdictOf(host, workload);
  t.equal(verdict.replaceAll(/^(pieces|done) .*\n/gm, ''), 'ok', 'its memory is right');
}

async function claimNothingLeft(t: Test, hosts: readonly Host[]): Promise<void> {
  for (const host of hosts)
    t.strictSame(await host.lastingLeftovers(), [], `nothing is left on ${host.name}`);
}

function followed(report: ReportLine | undefined): { pages: number; wanted: number } {
  const { pages, 'postcopy-requests': wanted } = (report?.['postcopy'] ?? {}) as Record<string, number>;
  return { pages: pages ?? 0, wanted: wanted ?? 0 };
}

/** Wires on which it never converges. */
const slow = ['--bandwidth', '40MB', '--compress', 'none', '--max-downtime', '40'];
const slower = ['--bandwidth', '8MB', '--compress', 'none', '--max-downtime', '40'];

for (const { name, workload, args } of [
  { name: 'one process', workload: ['later', '64', '2', '0'], args: ['--postcopy'] },
  {
    name: 'at the end of the time for copying',
    workload: ['later', '48', '1', '0'],
    args: ['--timeout', '1', '--on-timeout', 'postcopy'],
  },
  { name: 'several processes', workload: ['later', '8', '1', '2'], args: ['--postcopy'] },
]) {
  await t.test(name, { skip }, async (t) => {
    await using hosts = await makeHosts({ count: 2 });
    const { a, b } = hosts;
    await b.receive();
    const [program = '', ...rest] = workload;
    const running = await startWorkload(a, program, rest);
    const { code, report, stdout } = await a.migrate(running.pid, b, { args: [...slow, ...args] });
    t.equal(code, 0, stdout);
    const { pages, wanted } = followed(report);
    t.comment(
      `downtime ${String(report?.['downtime'])} ms; ${pages} pages followed, ${wanted} were waited for`,
    );
    t.ok(pages > 1000, 'memory has followed');
    t.ok(wanted > 10, 'some of it was waited for');
    await claimWell(t, b, running);
    await claimNothingLeft(t, [a, b]);
  });
}

await t.test('what fits into the goal does not follow', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b } = hosts;
  await b.receive();
  const running = await startWorkload(a, 'slowed', ['4']);
  const args = ['--postcopy', '--max-downtime', '2000'];
  const { code, report, stdout } = await a.migrate(running.pid, b, { args });
  t.equal(code, 0, stdout);
  t.equal(report?.['postcopy'], undefined);
  t.match(String(report?.['reason']), /is within 2000 ms/);
  await claimWell(t, b, running);
});

await t.test('while memory follows, it is not moved on', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b } = hosts;
  await a.receive();
  await b.receive();
  const running = await startWorkload(a, 'later', ['16', '1', '0']);
  const args = ['--json', ...slower, '--postcopy'];
  const flight = a.start(process.execPath, a.migrateArgs(running.pid, b, args));
  await until('memory follows', () => flight.stdout.includes('postcopy-active'), 60_000, 20);
  const { code, stdout } = await b.migrate(running.pid, a);
  t.equal(code, 3, stdout);
  t.match(stdout, /is in post-copy/);
  t.equal((await flight.ended).code, 0, flight.stdout);
  const back = await b.migrate(running.pid, a);
  t.equal(back.code, 0, back.stdout);
  await claimWell(t, a, running);
  await claimNothingLeft(t, [a, b]);
});

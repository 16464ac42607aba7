// A tree that writes faster than the wire takes its pages. Left alone it never comes within the goal; with --auto-converge its writers are
// slowed until it does. It sees nothing of that but time: the workload itself looks for calls that fail, and for waits that end early or never.
import t, { type Test } from 'tap';
import { sleep, until } from '../helpers/commands.ts';
import { parseReport, type Host, type ReportLine } from '../helpers/host.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { unless } from '../helpers/skip-unless.ts';
import { startWorkload, verdictOf, type RunningWorkload } from '../helpers/workloads.ts';

t.setTimeout(240_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:cc');
const mib = 160;
/** What a wire can do while the tree writes its slowest, not while it writes its fastest. */
const goal = ['--max-downtime', '60'];

const roundsOf = (lines: readonly ReportLine[]): ReportLine[] => lines.filter((line) => 'round-time' in line);
const throttleOf = (line: ReportLine | undefined): number => Number(line?.['cpu-throttle-percentage']);

/** Pieces of its memory that it writes in a second, by its own count. */
async function speedOf(host: Host, workload: RunningWorkload, ms: number): Promise<number> {
  const ask = async (): Promise<readonly [number, number]> => {
    const said = (): RegExpMatchArray[] => [...workload.log().matchAll(/pieces (\d+) (\d+)\n/g)];
    const before = said().length;
    host.kill(workload.pid, 'SIGUSR2');
    const [, pieces, us] = await until('it tells', () => said()[before], 10_000, 2);
    return [Number(pieces), Number(us)];
  };
  const [before, beganUs] = await ask();
  await sleep(ms);
  const [after, endedUs] = await ask();
  return ((after - before) / (endedUs - beganUs)) * 1e6;
}

/** Its own words, without what it has told on the way. */
async function claimWell(t: Test, host: Host, workload: RunningWorkload): Promise<void> {
  const verdict = await verdictOf(host, workload);
  t.equal(
    verdict.replaceAll(/^pieces .*\n/gm, ''),
    'ok',
    'it has seen nothing of it, and its memory is right',
  );
}

await t.test('left alone it is frozen by force', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b } = hosts;
  await b.receive();
  const workload = await startWorkload(a, 'slowed', [String(mib)]);
  const { code, report, lines, stdout } = await a.migrate(workload.pid, b, { args: goal });
  t.equal(code, 0, stdout);
  t.match(String(report?.['reason']), /more rounds gain nothing/);
  t.equal(throttleOf(report), 0);
  t.ok(roundsOf(lines).every((line) => throttleOf(line) === 0));
  await claimWell(t, b, workload);
});

await t.test('with --auto-converge it converges, and runs on at its full speed', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b } = hosts;
  await b.receive();
  const workload = await startWorkload(a, 'slowed', [String(mib)]);
  const args = [...goal, '--auto-converge'];
  const { code, report, lines, stdout } = await a.migrate(workload.pid, b, { args });
  t.equal(code, 0, stdout);
  t.match(String(report?.['reason']), /within 60 ms/);
  const throttles = roundsOf(lines).map(throttleOf);
  const mbOf = (line: ReportLine): string =>
    (Number((line['ram'] as ReportLine)['transferred']) / 1e6).toFixed(1);
  t.comment(
    `${roundsOf(lines)
      .map((line) => `${mbOf(line)} MB at ${throttleOf(line)} %`)
      .join(', ')}; downtime ${String(report?.['downtime'])} ms`,
  );
  t.ok(
    throttles.every((throttle, index) => throttle >= (throttles[index - 1] ?? 0)),
    'step by step',
  );
  t.equal(throttles[3], 0, 'not before it was seen that rounds do not shrink');
  t.ok(throttleOf(report) >= 20);
  t.equal(throttleOf(report), Math.max(...throttles), 'the closing report has the greatest');
  await claimWell(t, b, workload);
  for (const host of [a, b])
    t.strictSame(await host.lastingLeftovers(), [], `nothing is left on ${host.name}`);
});

for (const signal of ['SIGKILL', 'SIGINT'] as const) {
  await t.test(`${signal} while it is slowed: it runs at its full speed again`, { skip }, async (t) => {
    await using hosts = await makeHosts({ count: 2 });
    const { a, b } = hosts;
    await b.receive();
    const workload = await startWorkload(a, 'slowed', [String(mib)]);
    const unslowed = await speedOf(a, workload, 500);
    // A promise that nobody can keep: it is slowed more and more, for some rounds at least.
    const args = ['--json', '--auto-converge', '--max-downtime', '0.001', '--max-rounds', '100000'];
    const flight = a.start(process.execPath, a.migrateArgs(workload.pid, b, args));
    const agent = await a.pidOf(flight);
    const slowest = (): number =>
      Math.max(
        0,
        ...roundsOf(parseReport(flight.stdout.slice(0, flight.stdout.lastIndexOf('\n') + 1))).map(throttleOf),
      );
    // It stands for most of the time then, and its rounds are far from small enough to end by themselves.
    await until('it is slowed by 60 %', () => slowest() >= 60, 60_000, 20);
    process.kill(agent, signal);
    const { code } = await flight.ended;
    t.not(code, 0, 'it has not moved');
    const isFast = async (): Promise<boolean> => (await speedOf(a, workload, 200)) > 0.7 * unslowed;
    await until('it is fast again, as soon as the agents leave it the processors', isFast, 30_000, 1);
    const traced = await a.run('grep', [
      '-h',
      'TracerPid',
      '-r',
      `/proc/${workload.pid}/task`,
      '--include=status',
    ]);
    t.notMatch(traced.stdout, /TracerPid:\t[1-9]/, 'nobody traces it');
    await claimWell(t, a, workload);
    t.strictSame(await a.lastingLeftovers(), [], 'nothing is left');
  });
}

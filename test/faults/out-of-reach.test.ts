// A downtime that cannot be promised, and an operator who wants no longer one (--on-timeout cancel): whatever limit ends the copying,
// the tree runs on, and the reason names the prediction and what was allowed.
import t from 'tap';
import { sleep, until } from '../helpers/commands.ts';
import { parseReport } from '../helpers/host.ts';
import { unless } from '../helpers/skip-unless.ts';
import { claimContent, claimUntouched, makeBed } from './bed.ts';

t.setTimeout(240_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:cc');

await t.test('by rounds, by time, and by what no round improves', { skip, timeout: 120_000 }, async (t) => {
  await using bed = await makeBed({ mib: 64 });
  const { a, b, counter } = bed;
  const cases = [
    {
      args: ['--max-rounds', '3'],
      reason: /3 rounds are done; the predicted downtime is [\d.]+ ms, and 0.01 ms are allowed/,
    },
    { args: ['--timeout', '0.01'], reason: /the time for copying/ },
    { args: [], reason: /more rounds gain nothing: .*0.01 ms are allowed/ },
  ];
  for (const { args, reason } of cases) {
    const result = await a.migrate(counter.pid, b, {
      args: ['--max-downtime', '0.01', '--on-timeout', 'cancel', ...args],
    });
    t.equal(result.code, 1, 'the source still runs');
    t.match(result.report, {
      status: 'failed',
      'exit-code': 1,
      error: { code: 'NOT_CONVERGED', message: reason },
    });
    t.match(result.report?.['error'], { hint: /--max-downtime/ });
    await claimUntouched(t, bed);
  }
  await claimContent(t, bed);
});

await t.test(
  'in the midst of a round that takes too long',
  { skip: await unless('hosts', 'godwit', 'command:cc', 'command:tc'), timeout: 120_000 },
  async (t) => {
    await using bed = await makeBed({ mib: 256 });
    const { a, b, counter } = bed;
    // A link of 5 MB/s: round 0 alone would take a minute.
    await a.run('tc', 'qdisc add dev eth0 root tbf rate 40mbit burst 64k latency 200ms'.split(' '));
    const isRound = (line: Record<string, unknown>): boolean => 'ram' in line;
    const result = await a.migrate(counter.pid, b, { args: ['--timeout', '3', '--on-timeout', 'cancel'] });
    t.equal(result.code, 1);
    t.match(result.report, {
      error: { code: 'NOT_CONVERGED', message: /the time for copying \(3 s\) is over/ },
    });
    t.notOk(result.lines.some(isRound), 'the round was not waited for');
    await claimUntouched(t, bed);

    const flight = a.start(process.execPath, a.migrateArgs(counter.pid, b, ['--json']));
    await until('the copying to begin', () => flight.stdout.includes('pre-copy'));
    await sleep(1000);
    process.kill(await a.pidOf(flight), 'SIGINT');
    const cancelled = await flight.ended;
    t.equal(cancelled.code, 1);
    t.match(cancelled.stdout, /CANCELLED/);
    t.notOk(parseReport(cancelled.stdout).some(isRound), 'nor by Ctrl-C');
    await a.run('tc', ['qdisc', 'del', 'dev', 'eth0', 'root']);
    await claimUntouched(t, bed);
    await claimContent(t, bed);
  },
);

await t.test(
  'the same goal, and a longer freeze allowed: it moves',
  { skip, timeout: 120_000 },
  async (t) => {
    await using bed = await makeBed({ mib: 16 });
    const { a, b, counter } = bed;
    const args = ['--max-downtime', '0.01', '--max-rounds', '3', '--on-timeout', 'force'];
    const { code, report } = await a.migrate(counter.pid, b, { args });
    t.equal(code, 0);
    t.match(report, { status: 'completed', reason: /3 rounds are done/ });
    await claimContent(t, bed);
  },
);

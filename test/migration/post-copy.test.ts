import t from 'tap';
import { makeHosts } from '../helpers/hosts.ts';
import { unless } from '../helpers/skip-unless.ts';
import { startWorkload, verdictOf } from '../helpers/workloads.ts';

t.setTimeout(240_000);
const skip = await unless('hosts', 'godwit', 'command:cc');

await t.test('first', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b } = hosts;
  await b.receive();
  const workload = await startWorkload(a, 'slowed', ['64']);
  const args = ['--bandwidth', '50MB', '--max-downtime', '20', '--postcopy'];
  const { code, report, stdout } = await a.migrate(workload.pid, b, { args });
  t.equal(code, 0, stdout);
  t.comment(stdout);
  t.comment(JSON.stringify(report, null, 1));
  const verdict = await verdictOf(b, workload);
  t.equal(verdict.replaceAll(/^pieces .*\n/gm, ''), 'ok');
  for (const host of [a, b])
    t.strictSame(await host.lastingLeftovers(), [], `nothing is left on ${host.name}`);
});

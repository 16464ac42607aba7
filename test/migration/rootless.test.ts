// The engine without root: agents of a plain user, who has a delegated cgroup, and nothing else that others have not.
import { join } from 'node:path';
import t from 'tap';
import { until } from '../helpers/commands.ts';
import { judge, lastNode, readBeats, untilBeat } from '../helpers/heartbeat.ts';
import type { MigrateResult } from '../helpers/host.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { explain } from '../helpers/round-trip.ts';
import { unless } from '../helpers/skip-unless.ts';
import { startWorkload } from '../helpers/workloads.ts';

t.setTimeout(400_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:cc', 'command:setpriv');
const user = 4242;
const heartbeat = (directory: string): string[] => [join(directory, 'heartbeat')];

await t.test('a tree of this user moves there and on, whoever is killed', { skip }, async (t) => {
  await using hosts = await makeHosts();
  const [a, b] = [await hosts.a.forUser(user), await hosts.b.forUser(user)];
  for (const host of [a, b]) await host.receive();
  const check = await a.godwit(['check']);
  t.equal(check.code, 0, check.stdout);
  t.match(check.stdout, 'Looks good, for trees of this user');

  const counter = await startWorkload(a, 'counter', heartbeat);
  const beats = join(counter.directory, 'heartbeat');
  const flight = a.start(a.nodePath, a.migrateArgs(counter.pid, b), { timeoutMs: 60_000 });
  const agent = await a.pidOf(flight);
  await until('its memory is on the way', () => flight.stdout.includes('round'));
  process.kill(agent, 'SIGKILL');
  await flight.ended;
  t.ok(await untilBeat(beats, 5000), 'an agent that is killed leaves the tree running');
  t.strictSame(await a.lastingLeftovers([counter.pid]), []);

  const there = await a.migrate(counter.pid, b);
  t.equal(there.code, 0, explain(there, b));
  b.kill(b.receiver?.pid ?? -1);
  const pid = b.nestedPid(counter.pid, 'counter') ?? -1;
  t.ok(await untilBeat(beats, 5000), 'it outlives the daemon');
  const back = await b.migrate(pid, a);
  t.equal(back.code, 0, explain(back, a));
  t.ok(await untilBeat(beats, 5000));
  t.equal(lastNode(beats), `h1-${hosts.id}`);
  t.strictSame(judge(readBeats(beats)).problems, []);
  t.strictSame(await b.lastingLeftovers(), []);

  // Root's tools go on with it.
  const nested = a.nestedPid(counter.pid, 'counter') ?? -1;
  await hosts.b.receive({ port: 7471 });
  const byRoot = await hosts.a.migrate(nested, hosts.b);
  t.equal(byRoot.code, 0, explain(byRoot, hosts.b));
  t.ok(await untilBeat(beats, 5000));
  t.strictSame(judge(readBeats(beats)).problems, []);
});

await t.test('what a plain user cannot do is refused with the missing capability', { skip }, async (t) => {
  await using hosts = await makeHosts();
  const [a, b] = [await hosts.a.forUser(user), await hosts.b.forUser(user)];
  await b.receive();
  const refused = (result: MigrateResult, words: RegExp, what: string): void => {
    t.equal(result.code, 3, `${what}: ${explain(result, b)}`);
    t.match(JSON.stringify(result.report?.['blockers']), words, what);
  };

  const shared = await startWorkload(a, 'shared');
  refused(await a.migrate(shared.pid, b), /CAP_CHECKPOINT_RESTORE/, 'shared memory, on the source');
  refused(await hosts.a.migrate(shared.pid, b), /CAP_CHECKPOINT_RESTORE/, 'shared memory, on the target');

  const own = await startWorkload(a, 'counter', heartbeat);
  const chosen = await a.migrate(own.pid, b, { args: ['--pid-namespace', 'host'] });
  refused(
    chosen,
    /CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN can choose PIDs/,
    'the same PIDs on the host itself',
  );

  const roots = await startWorkload(hosts.a, 'counter', heartbeat);
  const foreign = await hosts.a.migrate(roots.pid, b);
  refused(foreign, /user 0.*CAP_SETUID.*group 0.*CAP_SETGID/, 'a tree of root, on the target');
  const hidden = await a.migrate(roots.pid, b);
  t.equal(hidden.code, 1, 'a tree of root, on the source');
  t.match(`${hidden.stdout}${hidden.stderr}`, /belongs to user 0.*CAP_SYS_PTRACE/);

  for (const { directory } of [own, roots])
    t.ok(await untilBeat(join(directory, 'heartbeat'), 5000), 'all of them run on');
});

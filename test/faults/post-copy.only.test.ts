// What goes wrong while memory follows a tree that runs on the target already: whoever dies, and however often, its threads wait and never read
// zeros, the source's pages stay, and it goes on from there.
import t, { type Test } from 'tap';
import { sleep, until, type StartedCommand } from '../helpers/commands.ts';
import { type Host, parseReport } from '../helpers/host.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { unless } from '../helpers/skip-unless.ts';
import { startWorkload, verdictOf, type RunningWorkload } from '../helpers/workloads.ts';
import { killAll, workersOf } from './bed.ts';

t.setTimeout(400_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:cc');
const args = ['--json', '--bandwidth', '10MB', '--compress', 'none', '--max-downtime', '40', '--postcopy'];

interface Following {
  readonly a: Host;
  readonly b: Host;
  readonly workload: RunningWorkload;
  readonly flight: StartedCommand;
  /** Of the migration. */
  readonly id: string;
  readonly agent: number;
}

/** A tree whose memory is following it for a few seconds more. */
async function follow(a: Host, b: Host): Promise<Following> {
  await b.receive();
  const workload = await startWorkload(a, 'later', ['8', '1', '1']);
  const flight = a.start(process.execPath, a.migrateArgs(workload.pid, b, args), { timeoutMs: 200_000 });
  const agent = await a.pidOf(flight);
  await until('memory follows', () => flight.stdout.includes('postcopy-active'), 100_000, 10);
  const [, id = ''] = /\(migration ([0-9a-f-]+),/.exec(flight.stdout) ?? [];
  return { a, b, workload, flight, id, agent };
}

async function claimWhole(t: Test, { a, b, workload }: Following): Promise<void> {
  const folder = async (): Promise<boolean> => (await a.run('ls', ['/run/godwit'])).stdout.trim() === '';
  await until('the source has ended', folder, 120_000, 100);
  const verdict = await verdictOf(b, workload);
  t.equal(verdict.replaceAll(/^done .*\n/gm, ''), 'ok', 'its memory is right');
  for (const host of [a, b])
    t.strictSame(await host.lastingLeftovers(), [], `nothing is left on ${host.name}`);
}

const reconnectsOf = ({ flight }: Following): number => {
  const closing = parseReport(flight.stdout).at(-1)?.['postcopy'] as Record<string, number> | undefined;
  return closing?.['reconnects'] ?? 0;
};

await (((n: string, o: object, w: never) => (new RegExp(process.env['ONLY'] ?? '').test(n) ? t.test(n, o, w) : undefined)) as typeof t.test)('the worker is killed, again and again', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const following = await follow(hosts.a, hosts.b);
  for (let i = 0; i < 3; i++) {
    killAll(workersOf(hosts.b));
    await sleep(400);
  }
  const { code } = await following.flight.ended;
  t.equal(code, 0, following.flight.stdout);
  t.ok(reconnectsOf(following) > 0, 'over new connections');
  await claimWhole(t, following);
});

await (((n: string, o: object, w: never) => (new RegExp(process.env['ONLY'] ?? '').test(n) ? t.test(n, o, w) : undefined)) as typeof t.test)('the source’s agent is killed: the keeper has the rest sent', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const following = await follow(hosts.a, hosts.b);
  killAll([following.agent]);
  await following.flight.ended;
  await claimWhole(t, following);
});

await (((n: string, o: object, w: never) => (new RegExp(process.env['ONLY'] ?? '').test(n) ? t.test(n, o, w) : undefined)) as typeof t.test)('Ctrl-C: the rest follows all the same', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const following = await follow(hosts.a, hosts.b);
  process.kill(following.agent, 'SIGINT');
  const { code, stdout } = await following.flight.ended;
  t.equal(code, 4);
  t.match(stdout, /IN_DOUBT.*the tree runs on the target, and memory that it waits for is still here/);
  await claimWhole(t, following);
});

await (((n: string, o: object, w: never) => (new RegExp(process.env['ONLY'] ?? '').test(n) ? t.test(n, o, w) : undefined)) as typeof t.test)('all agents die on both sides, and the receiver comes back late', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b } = hosts;
  const following = await follow(a, b);
  const daemon = b.receiver?.pid ?? -1;
  const workers = workersOf(b);
  b.kill(daemon);
  killAll([following.agent, ...workers]);
  await b.waitGone(daemon);
  await following.flight.ended;
  await sleep(2000);
  t.ok(b.process(following.workload.pid), 'it waits on the target');
  t.notMatch(following.workload.log(), /expected/, 'and has read nothing wrong');
  t.ok(a.process(following.workload.pid), 'its pages are still on the source');
  await b.receive();
  await claimWhole(t, following);
});

await (((n: string, o: object, w: never) => (new RegExp(process.env['ONLY'] ?? '').test(n) ? t.test(n, o, w) : undefined)) as typeof t.test)('the link is cut for a while', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b } = hosts;
  const following = await follow(a, b);
  await b.run('ip', ['link', 'set', 'eth0', 'down']);
  await until('the source has noticed', () => following.flight.stdout.includes('trying again'), 60_000, 100);
  t.notMatch(following.workload.log(), /expected/, 'nothing wrong was read');
  const asked = await a.run('godwit', ['resolve', following.id]).catch(() => undefined);
  if (asked !== undefined) t.not(asked.code, 0, 'a person need not, and may not');
  await b.run('ip', ['link', 'set', 'eth0', 'up']);
  const { code } = await following.flight.ended;
  t.equal(code, 0, following.flight.stdout);
  t.ok(reconnectsOf(following) > 0);
  await claimWhole(t, following);
});

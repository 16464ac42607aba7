// A source that lies to a real target: one of the messages of a real flight is changed on its way, somewhere inside. Whatever the target makes of
// it, it goes on receiving, and nothing is left on it but perhaps the tree. GODWIT_LIES says how often (10); the seed is printed.
import t from 'tap';
import { until } from '../helpers/commands.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { unless } from '../helpers/skip-unless.ts';
import { startWorkload } from '../helpers/workloads.ts';
import { mutateValue, numbers } from '../interop/mutation/mutate.ts';
import { chooseSeed, killAll } from './bed.ts';
import { Relay } from './steps/relay.ts';

const lies = Number(process.env['GODWIT_LIES'] ?? 10);
t.setTimeout(120_000 + lies * 60_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:cc');
const types = ['check', 'stage', 'final', 'final', 'round-end', 'rehearse'] as const;
const workloads = ['counter', 'tree', 'unix-sockets', 'timers', 'tcp-pairs'] as const;

await t.test(`${lies} lies leave nothing on the target`, { skip, timeout: 60_000 + lies * 60_000 }, async (t) => {
  const first = chooseSeed();
  t.comment(`seed ${first}: GODWIT_SEED=${first} repeats this run`);
  await using hosts = await makeHosts({ count: 2 });
  const { a, b } = hosts;
  const receiver = await b.receive({ plaintext: true });
  const host = { host: b.ip, port: receiver.port };
  for (let seed = first; seed < first + lies; seed++) {
    const next = numbers(seed);
    const type = types[next(types.length)];
    const name = workloads[next(workloads.length)] ?? 'counter';
    const tree = await startWorkload(a, name);
    let told = false;
    using relay = await Relay.start(hosts.clientIp, host, (passing, content) => {
      if (told || passing.from !== 'source' || passing.type !== type || passing.when !== 'before') return 'pass';
      told = true;
      return mutateValue(content, next);
    });
    const args = a.migrateArgs(tree.pid, b, ['--json', '--rehearsals', '1']);
    args[args.indexOf(receiver.address)] = `${hosts.clientIp}:${relay.port}`;
    const { code, stdout } = await a.run(a.nodePath, args, { timeoutMs: 60_000 });
    const what = `seed ${seed}: ${name} with another ${type}: exit ${String(code)}`;
    t.ok(told, `${what}: it was told`);
    t.ok(code === 0 || code === 1 || code === 3, `${what}: ${stdout.slice(-400)}`);
    t.notMatch(stdout, /"code":"INTERNAL"/, what);
    t.ok(b.process(receiver.pid), 'receive is there');
    // What has moved may be broken: that is what the source has asked for.
    for (const side of [a, b]) {
      const ours = side.processes().filter(({ command }) => command.includes(tree.directory) || command.includes(`/bin/${name}`));
      killAll(ours.map(({ outsidePid }) => outsidePid));
      let left: string[] = [];
      const clean = async (): Promise<boolean> => (left = await side.leftovers()).length === 0;
      await until('nothing is left', clean, 15_000, 100).catch(() => false);
      t.strictSame(left, [], `${what}: nothing is left on ${side.name}`);
    }
    if (!t.passing()) break;
  }
}); // prettier-ignore

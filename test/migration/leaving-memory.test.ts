// A process that has its parent's memory (CLONE_VM) and executes a program while the tree is copied: it gets another shell, with memory of
// its own. Where that shell would have to have children the attempt ends with a reason, and the next one moves the tree as it is then.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { mustRun, until } from '../helpers/commands.ts';
import { parseReport } from '../helpers/host.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { unless } from '../helpers/skip-unless.ts';

t.setTimeout(240_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:cc');
const source = fileURLToPath(new URL('leaves.c', import.meta.url));
const patient = ['--json', '--max-downtime', '0.001', '--max-rounds', '6'];

for (const family of [false, true]) {
  const name = family
    ? 'one that has children makes it start over'
    : 'who leaves shared memory in flight moves';
  await t.test(name, { skip }, async (t) => {
    await using hosts = await makeHosts({ count: 2 });
    const { a, b } = hosts;
    await b.receive();
    const binary = join(hosts.scratch, 'leaves');
    await mustRun('cc', ['-std=gnu17', '-Wall', '-Wextra', '-Werror', '-o', binary, source]);
    const first = await a.spawn(binary, family ? ['family'] : []);
    const childOf = (): number => Number(/ready (\d+)/.exec(first.log())?.[1] ?? 0);
    await until('it is ready', () => childOf() > 0);
    const child = childOf();

    const flight = a.start(process.execPath, a.migrateArgs(first.pid, b, patient));
    const rounds = (): number =>
      parseReport(flight.stdout.slice(0, flight.stdout.lastIndexOf('\n') + 1)).filter((line) => 'ram' in line)
        .length;
    // By the third round the child is known to keep the memory.
    await until('three rounds', () => rounds() >= 3, 60_000);
    a.kill(child, 'SIGUSR2');
    const ended = await flight.ended;
    t.equal(ended.code, 0, ended.stdout);
    const startedOver = /which has children, has left its parent's memory \(CLONE_VM\): starting over/;
    t.equal(startedOver.test(ended.stdout), family, 'the reason is named');
    t.equal(b.process(child)?.command, 'sleep 1000');
    b.kill(first.pid, 'SIGUSR1');
    await b.waitGone(first.pid);
    t.match(first.log(), /ok\n/, 'its memory is as it wrote it');
    for (const { command, outsidePid } of b.processes())
      if (/sleep 1000|leaves/.test(command)) process.kill(outsidePid, 'SIGKILL');
    await b.waitGone(child);
    const look = async (): Promise<boolean> => (await b.leftovers()).length === 0;
    await until('nothing is left', look);
    t.strictSame(await a.lastingLeftovers(), [], 'nothing is left on the source');
  });
}

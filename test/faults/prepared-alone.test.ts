// The link is cut while the target prepares: the source never hears that it stands PREPARED, takes the tree back and gives up; the target, which may
// not let go by itself, holds a frozen copy. When the link is back the source's keeper tells it, without anybody's help.
import t from 'tap';
import { until } from '../helpers/commands.ts';
import { unless } from '../helpers/skip-unless.ts';
import { claimContent, claimUntouched, journals, makeBed, workersOf } from './bed.ts';

t.setTimeout(240_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:cc');

await t.test('a target that stands PREPARED alone is told when it can be reached', { skip }, async (t) => {
  await using bed = await makeBed({ mib: 8 });
  const { a, b, counter } = bed;
  const flight = a.start(process.execPath, a.migrateArgs(counter.pid, b, ['--json']));
  const agent = await a.pidOf(flight);
  // From the freeze to the final state the target is not needed: it reads that when the link is down.
  await until('the copying', () => flight.stdout.includes('pre-copy'));
  const workers = workersOf(b);
  t.ok(workers.length > 0, 'there is a worker');
  await until('the freeze', () => flight.stdout.includes('freezing'), 60_000, 0);
  for (const worker of workers) process.kill(worker, 'SIGSTOP');
  await until('FENCED', () => journals(agent, 'source').includes('FENCED'));
  await b.run('ip', ['link', 'set', 'eth0', 'down']);
  for (const worker of workers) process.kill(worker, 'SIGCONT');
  const [some = 0] = workers;
  await until('PREPARED', () => journals(some, 'target').includes('PREPARED'));
  const { code, stdout } = await flight.ended;
  t.equal(code, 1, 'the source gives up, and still runs');
  t.match(stdout, /may hold a frozen copy of the tree/, 'and says what is left');
  t.ok((await b.leftovers()).length > 0, 'the target holds it');
  t.match(
    (await a.run('sh', ['-c', 'cat /run/godwit/*/source/journal'])).stdout,
    /ABORTED/,
    'somebody still sees to it here',
  );
  await b.run('ip', ['link', 'set', 'eth0', 'up']);
  await until('the target lets go', async () => (await b.leftovers()).length === 0, 60_000, 200);
  await until(
    'the source’s keeper ends',
    async () => (await a.leftovers([counter.pid])).length === 0,
    10_000,
    200,
  );
  await claimUntouched(t, bed);
  t.equal((await a.migrate(counter.pid, b)).code, 0, 'and it can move');
  await claimContent(t, bed);
});

// System V shared memory: segments keep their IDs, keys and attachments; what others use too, or what is taken, is refused.
import t from 'tap';
import { until } from '../helpers/commands.ts';
import { godwitPath } from '../helpers/godwit-path.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { fly, rounds, roundsTimeoutMs } from '../helpers/round-trip.ts';
import { unless } from '../helpers/skip-unless.ts';
import { startWorkload, verdictOf } from '../helpers/workloads.ts';

/** At what moment of its work the tree freezes is chance. */
const flights = 4 * rounds;
const skip = await unless('hosts', 'godwit', 'command:cc', 'command:ipcmk', 'command:python3');
const attach = (id: number): string =>
  `import ctypes, time; c = ctypes.CDLL(None); c.shmat(${id}, None, 0); print("attached", flush=True); time.sleep(100)`;

await t.test(
  'what is shared with others, or taken, is refused',
  { skip, timeout: roundsTimeoutMs },
  async (t) => {
    await using hosts = await makeHosts({ count: 2 });
    const { a, b } = hosts;
    await b.receive();
    const workload = await startWorkload(a, 'sysv-shm');

    const other = await a.spawn('python3', ['-c', attach(0)]);
    await until('the other has attached', () => other.log().includes('attached'));
    const shared = await a.migrate(workload.pid, b);
    t.equal(shared.code, 3, 'refused');
    t.match(shared.stdout, /System V segment 0 .*a process outside the tree has attached/);
    a.kill(other.pid);
    await a.waitGone(other.pid);

    t.equal((await b.run('ipcmk', ['-M', '4096'])).code, 0);
    const taken = await a.run(process.execPath, [
      ...[godwitPath, 'check', '--pid', String(workload.pid)],
      ...['--to', b.receiver?.address ?? '', ...(b.receiver?.security ?? []), '--json'],
    ]);
    t.equal(taken.code, 3, 'refused');
    t.match(taken.stdout, /System V segment 0.*its ID is taken here by number 0/);
    t.match(
      (await b.run('cat', ['/proc/sysvipc/shm'])).stdout,
      /^[^\n]*\n[^\n]*\n$/,
      'the other one is there, alone',
    );
    t.equal((await b.run('ipcrm', ['-m', '0'])).code, 0);

    t.equal(await verdictOf(a, workload), 'ok', 'the workload is content');
    for (const host of hosts.all)
      t.strictSame(await host.lastingLeftovers(), [], `nothing is left on ${host.name}`);
  },
);

await t.test(
  'segments that come and go all the time, also in the moment of the freeze',
  { skip, timeout: roundsTimeoutMs },
  async (t) => {
    await using hosts = await makeHosts({ count: 2 });
    const { a, b } = hosts;
    await a.receive();
    await b.receive();
    for (let flight = 0; flight < flights; flight++) {
      const [from, to] = flight % 2 === 0 ? [a, b] : [b, a];
      const workload = await startWorkload(from, 'sysv-shm', ['making']);
      const good = await fly(t, from, to, workload.pid);
      t.equal(
        await verdictOf(good ? to : from, workload),
        'ok',
        `the workload is content ${workload.errors()}`,
      );
      for (const host of hosts.all)
        t.strictSame(await host.lastingLeftovers(), [], `nothing is left on ${host.name}`);
    }
  },
);

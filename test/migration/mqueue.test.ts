// POSIX message queues: names, messages and waiters go along; what others use too, what is taken, and what no kernel shows is refused.
import t from 'tap';
import { chooseSeed, killAll, seededRandom } from '../faults/bed.ts';
import { sleep, until } from '../helpers/commands.ts';
import { godwitPath } from '../helpers/godwit-path.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { roundsTimeoutMs } from '../helpers/round-trip.ts';
import { unless } from '../helpers/skip-unless.ts';
import { startWorkload, verdictOf } from '../helpers/workloads.ts';

const kills = Number(process.env['GODWIT_QUEUE_KILLS'] ?? 4);
const skip = await unless('hosts', 'godwit', 'command:cc', 'command:python3');
/** `how`: sigev_notify; it says "open" and sleeps. */
const holder = (name: string, how?: number): string => `
import ctypes, struct, time, signal
libc = ctypes.CDLL(None, use_errno=True)
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
fd = libc.mq_open(b"${name}", 0o2 | 0o100, 0o600, struct.pack("8q", 0, 4, 32, 0, 0, 0, 0, 0))
print("open" if fd >= 0 and ${how === undefined ? 'True' : `libc.mq_notify(fd, struct.pack("Qii", 7, 10, ${how}) + bytes(48)) == 0`} else "failed", flush=True)
time.sleep(1000)`;

await t.test(
  'what is shared with others, taken, or told by a signal, is refused',
  { skip, timeout: roundsTimeoutMs },
  async (t) => {
    await using hosts = await makeHosts({ count: 2 });
    const { a, b } = hosts;
    await b.receive();
    const workload = await startWorkload(a, 'mqueue');
    const name = `/godwit-test-${workload.pid}-0`;

    const other = await a.spawn('python3', ['-c', holder(name)]);
    await until('the other has opened it', () => other.log().includes('open'));
    const shared = await a.migrate(workload.pid, b);
    t.equal(shared.code, 3, 'refused');
    t.match(shared.stdout, /pid \d+ \(python3\), outside the tree, holds this message queue too/);
    a.kill(other.pid);
    await a.waitGone(other.pid);

    const thief = await b.spawn('python3', ['-c', holder(name)]);
    await until('the name is taken', () => thief.log().includes('open'));
    const taken = await a.run(process.execPath, [
      ...[godwitPath, 'check', '--pid', String(workload.pid)],
      ...['--to', b.receiver?.address ?? '', ...(b.receiver?.security ?? []), '--json'],
    ]);
    t.equal(taken.code, 3, 'refused');
    t.match(taken.stdout, new RegExp(`message queue ${name}".*its name is taken here`));

    const told = await a.spawn('python3', ['-c', holder('/told', 0)]);
    await until('it is registered', () => told.log().includes('open'));
    const signal = await a.run(process.execPath, [godwitPath, 'check', '--pid', String(told.pid), '--json']);
    t.equal(signal.code, 3, 'refused');
    t.match(
      signal.stdout,
      /waits for signal 10 at its next message \(mq_notify\), and the kernel does not show the value/,
    );

    t.equal(await verdictOf(a, workload), 'ok', 'the workload is content');
  },
);

await t.test(
  'an agent killed at any moment of a flight loses no message',
  { skip, timeout: roundsTimeoutMs + kills * 30_000 },
  async (t) => {
    const seed = chooseSeed();
    t.comment(`seed ${seed}: GODWIT_SEED=${seed} repeats this run`);
    const random = seededRandom(seed);
    await using hosts = await makeHosts({ count: 2 });
    const { a, b } = hosts;
    await a.receive();
    await b.receive();
    const workload = await startWorkload(a, 'mqueue');
    const began = performance.now();
    const whole = await a.migrate(workload.pid, b);
    t.equal(whole.code, 0, 'an undisturbed flight');
    const wholeMs = performance.now() - began;
    let at = b;
    for (let i = 0; i < kills; i++) {
      const other = at === a ? b : a;
      const flight = at.start(process.execPath, at.migrateArgs(workload.pid, other, ['--json']), {
        timeoutMs: 60_000,
      });
      const agent = await at.pidOf(flight);
      await sleep(wholeMs * random());
      killAll([agent]);
      await flight.ended;
      const there = (): typeof hosts.all =>
        hosts.all.filter((host) => host.process(workload.pid) !== undefined);
      const keepers = (): boolean =>
        hosts.all.some((host) =>
          host.processes().some(({ command }) => /godwit-keeper.*--role source/.test(command)),
        );
      await until(`one copy is left (kill ${i})`, () => there().length === 1 && !keepers(), 60_000, 50);
      t.comment(`killed on ${at.name}, it runs on ${String(there()[0]?.name)}`);
      at = there()[0] ?? at;
    }
    t.equal(await verdictOf(at, workload), 'ok', 'the workload is content');
  },
);

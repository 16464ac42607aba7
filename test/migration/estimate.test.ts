// `godwit estimate`: a tree is watched, and is after it as it was before, whatever becomes of the one who watches.
import t from 'tap';
import { sleep, until } from '../helpers/commands.ts';
import { godwitPath } from '../helpers/godwit-path.ts';
import { unless } from '../helpers/skip-unless.ts';
import { claimContent, claimUntouched, makeBed } from '../faults/bed.ts';

t.setTimeout(240_000); // on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:cc');

interface Link {
  readonly gbit: number;
  readonly 'total-time': number;
  readonly 'expected-downtime': number;
}

await t.test(
  'it says what moving would be like, and disturbs nothing',
  { skip, timeout: 120_000 },
  async (t) => {
    await using bed = await makeBed({ mib: 64 });
    const { a, b, counter } = bed;
    const pid = String(counter.pid);
    const { code, stdout, stderr } = await a.run(process.execPath, [
      godwitPath,
      'estimate',
      '--pid',
      pid,
      '--seconds',
      '2',
      '--json',
    ]);
    t.equal(code, 0, stderr);
    const found = JSON.parse(stdout) as Record<string, number> & { readonly links: readonly Link[] };
    t.match(found, { status: 'estimated', processes: 1 });
    t.ok((found['bytes'] ?? 0) > 64 << 20, 'all of its memory would be copied');
    t.ok((found['working-set'] ?? 0) > 0 && (found['working-set'] ?? 0) <= (found['bytes'] ?? 0) + (1 << 20));
    t.ok((found['slow-down'] ?? -1) >= 0 && (found['slow-down'] ?? 2) <= 1);
    const [slow, , fast] = found.links;
    t.same(
      found.links.map(({ gbit }) => gbit),
      [1, 10, 25],
    );
    t.ok((slow?.['total-time'] ?? 0) > (fast?.['total-time'] ?? 0), 'a faster link takes less time');
    // 64 MiB at 1 Gbit/s: half a second, for the first round alone.
    t.ok((slow?.['total-time'] ?? 0) > 500);
    await claimUntouched(t, bed);

    const text = await a.run(process.execPath, [godwitPath, 'estimate', '--pid', pid, '--seconds', '1']);
    t.match(text.stdout, /1 Gbit\/s.*\n(.*\n)*.*25 Gbit\/s/);
    await claimUntouched(t, bed);
    const { code: moved } = await a.migrate(counter.pid, b);
    t.equal(moved, 0, 'it can be moved afterwards');
    await claimContent(t, bed);
  },
);

await t.test('who watches is killed, or told to end', { skip, timeout: 120_000 }, async (t) => {
  await using bed = await makeBed({ mib: 16 });
  const { a, counter } = bed;
  for (const signal of ['SIGKILL', 'SIGINT'] as const) {
    const args = [godwitPath, 'estimate', '--pid', String(counter.pid), '--seconds', '60'];
    const flight = a.start(process.execPath, args);
    const agent = await a.pidOf(flight);
    await until('a keeper', async () =>
      (await a.run('ls', ['-R', '/run/godwit'])).stdout.includes('keeper.sock'),
    );
    await sleep(700);
    process.kill(agent, signal);
    const { code, stderr } = await flight.ended;
    if (signal === 'SIGINT') {
      t.equal(code, 1);
      t.match(stderr, /cancelled by SIGINT/);
    }
    await claimUntouched(t, bed);
  }
  await claimContent(t, bed);
});

await t.test('what cannot be watched is refused by name', { skip, timeout: 60_000 }, async (t) => {
  await using bed = await makeBed({ mib: 1 });
  const say = (...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> =>
    bed.a.run(process.execPath, [godwitPath, 'estimate', ...args]);
  const gone = await say('--pid', '999999');
  t.equal(gone.code, 1);
  t.match(gone.stderr, /999999/);
  t.equal((await say('--pid', 'x')).code, 2);
  t.equal((await say('--pid', String(bed.counter.pid), '--seconds', '0')).code, 2);
  await claimUntouched(t, bed);
});

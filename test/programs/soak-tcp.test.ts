// Full-duplex streams whose every byte is checked, while their server goes back and forth with its address: no reset, no byte wrong, lost
// or doubled. GODWIT_SOAK says how often it moves (4), GODWIT_SOAK_STREAMS how many streams there are (100); GODWIT_SEED repeats what the
// clients do. `npm run soak:tcp`: a hundred moves under five hundred streams.
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { chooseSeed, seededRandom } from '../faults/bed.ts';
import { until } from '../helpers/commands.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { explain } from '../helpers/round-trip.ts';
import { unless } from '../helpers/skip-unless.ts';
import { Duplex } from './duplex.mjs';
import { MovingService } from './kept.ts';

const moves = Number(process.env['GODWIT_SOAK'] ?? 4);
const count = Number(process.env['GODWIT_SOAK_STREAMS'] ?? 100);
const timeout = 120_000 + moves * 30_000;
t.setTimeout(timeout + 10_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit');
const port = 7300;

await t.test(`${count} streams through ${moves} moves`, { skip, timeout }, async (t) => {
  const seed = chooseSeed();
  t.comment(`seed ${seed}: GODWIT_SEED=${seed} repeats this run`);
  await using hosts = await makeHosts();
  const { a, b } = hosts;
  const service = await MovingService.on(hosts);
  await Promise.all([a.receive(), b.receive()]);
  const path = fileURLToPath(new URL('duplex-server.mjs', import.meta.url));
  const server = await a.spawn(process.execPath, [path, String(port)], { name: 'duplex' });
  await until(
    () => `the server is ready: ${server.errors()}`,
    () => server.log().includes('ready'),
  );
  const random = seededRandom(seed);
  const streams = Array.from({ length: count }, () => {
    const socket = connect({ host: service.address, port, allowHalfOpen: true, noDelay: true });
    t.teardown(() => socket.destroy());
    return new Duplex(socket, true, random);
  });
  const problems = (): string[] => streams.flatMap(({ problem }) => (problem === '' ? [] : [problem]));
  const goOn = async (): Promise<void> => {
    const before = streams.map(({ got }) => got);
    const waiting = (): number => streams.filter(({ got }, i) => got <= (before[i] ?? 0)).length;
    await until(
      () => `all streams go on; ${waiting()} wait; ${problems().join(', ')}`,
      () => waiting() === 0 || problems().length > 0,
      60_000,
    );
  };
  await goOn();
  for (let moved = 0; moved < moves && problems().length === 0; moved++) {
    const [from, to] = moved % 2 === 0 ? [a, b] : [b, a];
    for (const stream of streams) stream.longestMs = 0;
    const result = await from.migrate(server.pid, to, { args: ['--move-ip', service.address] });
    if (result.code !== 0) {
      t.fail(`move ${moved + 1} from ${from.name} to ${to.name}: ${explain(result, to)}`);
      break;
    }
    await goOn();
    const longestMs = Math.max(...streams.map((stream) => stream.longestMs));
    t.comment(
      `move ${moved + 1} of ${moves}: downtime ${String(result.report?.['downtime'])} ms ${JSON.stringify([result.report?.['downtime-parts'], result.report?.['target-times']])}, longest pause of a stream ${longestMs.toFixed(1)} ms`,
    );
  }
  for (const stream of streams) stream.finish();
  await Promise.all(streams.map(({ ended }) => ended));
  t.strictSame(
    streams.flatMap((stream) => (stream.verdict() === '' ? [] : [stream.verdict()])),
    [],
    'no reset, and every byte came once, in both directions',
  );
  const bytes = streams.reduce((sum, { sent, got }) => sum + sent + got, 0);
  t.comment(`${(bytes / 1e6).toFixed(1)} MB went to and fro`);
  t.equal(server.log(), 'ready\n', 'nor is anything wrong for the server');
  for (const host of hosts.all) host.kill(server.pid);
  for (const host of hosts.all)
    t.strictSame(await host.lastingLeftovers(), [], `nothing is left on ${host.name}`);
});

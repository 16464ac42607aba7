// Clients that come and go all the time while the server's address moves along (--move-ip): whoever comes is served, nobody is reset.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { until } from '../helpers/commands.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { makeBed, pattern } from '../helpers/moving-bed.ts';
import { MovingService } from '../programs/kept.ts';
import { explain } from '../helpers/round-trip.ts';
import { unless } from '../helpers/skip-unless.ts';

t.setTimeout(300_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:python3');
const length = 5000;

interface Visits {
  served: number;
  worstMs: number;
  readonly problems: string[];
}

/** Connects, has something echoed or said, and leaves. */
async function visit(host: string, kind: 'E' | 'B', visits: Visits): Promise<void> {
  const began = performance.now();
  const socket = connect({ host, port: 7001, noDelay: true, allowHalfOpen: true });
  const sent = kind === 'E' ? pattern(length) : Buffer.from('');
  const expected = kind === 'E' ? sent : Buffer.from('bye');
  const got: Buffer[] = [];
  const heard = (): number => got.reduce((sum, data) => sum + data.length, 0);
  socket.write(Buffer.concat([Buffer.from(kind), sent]));
  socket.on('data', (data) => {
    got.push(data);
    if (kind === 'E' && heard() >= length) socket.end();
  });
  if (kind === 'B') socket.on('end', () => socket.end());
  await new Promise<void>((resolve) => {
    socket.on('error', ({ message }) => {
      visits.problems.push(`${kind} ${host}: ${message} behind ${String(heard())} bytes`);
    });
    socket.on('close', () => {
      resolve();
    });
  });
  if (!Buffer.concat(got).equals(expected)) visits.problems.push(`${kind} ${host}: ${String(heard())} bytes`);
  visits.worstMs = Math.max(visits.worstMs, performance.now() - began);
  visits.served++;
}

await t.test('nobody who comes is reset', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b, tree, addresses, args } = await makeBed(hosts);
  const visits: Visits = { served: 0, worstMs: 0, problems: [] };
  let isOpen = true;
  const visitors = addresses.flatMap((address) =>
    (['E', 'E', 'B'] as const).map(async (kind) => {
      while (isOpen) await visit(address, kind, visits);
    }),
  );
  for (const [from, to] of [
    [a, b],
    [b, a],
    [a, b],
    [b, a],
  ] as const) {
    const before = visits.served;
    visits.worstMs = 0;
    await until('they are served', () => visits.served > before + 50);
    const moved = await from.migrate(tree.pid, to, { args });
    if (!t.equal(moved.code, 0, `it moves from ${from.name} to ${to.name}: ${explain(moved, to)}`)) break;
    const after = visits.served;
    await until('they are served again', () => visits.served > after + 50);
    t.comment(
      `downtime ${String(moved.report?.['downtime'])} ms, longest visit ${visits.worstMs.toFixed(1)} ms, ${String(visits.served)} visits`,
    );
  }
  isOpen = false;
  await Promise.all(visitors);
  t.strictSame(visits.problems, [], 'no reset, no wrong byte');
  t.notMatch(tree.log(), /error/);
});

/** Accepts nobody before it gets SIGUSR1. */
const late = `
import signal, socket
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
l = socket.create_server(('', 7002)); print('ready', flush=True)
signal.sigwait({signal.SIGUSR1})
while True:
    c, _ = l.accept(); c.sendall(b'at last')
`;

await t.test('who waits to be accepted is waited for, or dropped', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b } = hosts;
  const { address } = await MovingService.on(hosts);
  const args = ['--move-ip', address];
  await Promise.all([a.receive(), b.receive()]);
  const path = join(a.scratch, 'late.py');
  writeFileSync(path, late);
  const server = await a.spawn('python3', [path]);
  await until('the server is ready', () => server.log().includes('ready'));
  const socket = connect({ host: address, port: 7002 });
  t.teardown(() => socket.destroy());
  let [heard, problem] = ['', ''];
  socket.on('data', (data) => (heard += data.toString()));
  socket.on('error', ({ message }) => (problem = message));
  await once(socket, 'connect');

  const refused = await a.migrate(server.pid, b, { args });
  t.equal(refused.code, 3, explain(refused, b));
  t.match(refused.stdout, /1 connections .* wait to be accepted.*--skip-in-flight/s);
  t.equal(refused.stdout.match(/starting over/g)?.length, 2, 'it has tried three times');

  const flight = a.start(process.execPath, a.migrateArgs(server.pid, b, ['--json', ...args]));
  await until('it starts over', () => flight.stdout.includes('starting over'), 60_000);
  a.kill(server.pid, 'SIGUSR1');
  const { code, stdout, stderr } = await flight.ended;
  t.equal(code, 0, stdout + stderr);
  await until(
    () => `who has waited is heard: ${problem}`,
    () => heard === 'at last',
  );

  b.kill(server.pid, 'SIGSTOP'); // nobody is accepted any more
  const dropped = connect({ host: address, port: 7002 });
  t.teardown(() => dropped.destroy());
  dropped.on('error', () => undefined);
  await once(dropped, 'connect');
  const moved = await b.migrate(server.pid, a, { args: [...args, '--skip-in-flight'] });
  t.equal(moved.code, 0, explain(moved, a));
  t.equal(problem, '', 'the other one is not');
});

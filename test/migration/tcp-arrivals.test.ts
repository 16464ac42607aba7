// Clients that come and go all the time while the server's address moves along (--move-ip): whoever comes is served, nobody is reset.
import { connect } from 'node:net';
import t from 'tap';
import { until } from '../helpers/commands.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { makeBed, pattern } from '../helpers/moving-bed.ts';
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

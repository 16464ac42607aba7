// --keep-connections forward: the tree goes to a host with another address, and its connections go on through the one that it has left.
import t from 'tap';
import { until } from '../helpers/commands.ts';
import type { Host } from '../helpers/host.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { Client, makeBed, pattern } from '../helpers/moving-bed.ts';
import { explain } from '../helpers/round-trip.ts';
import { unless } from '../helpers/skip-unless.ts';

t.setTimeout(300_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:python3');
const args = ['--keep-connections', 'forward'];

interface Forwarding {
  readonly role: string;
  readonly pid: number;
  readonly connections: readonly { readonly local: string; readonly remote: string }[];
}

async function statusOf(host: Host): Promise<Forwarding[]> {
  const { stdout } = await host.godwit(['status', '--json']);
  return (JSON.parse(stdout) as { forwarding: Forwarding[] }).forwarding;
}

await t.test(
  'clients of the old address do not notice, new ones take the new address',
  { skip },
  async (t) => {
    await using hosts = await makeHosts({ count: 2 });
    const { a, b, tree, addresses } = await makeBed(hosts);
    const hostsOf = [a.ip, ...addresses];
    const streams = hostsOf.flatMap((address) => Array.from({ length: 3 }, () => new Client(address, 'E')));
    for (const stream of streams) stream.ask();
    const of = (kind: string): Client => new Client(a.ip, kind);
    const [shut, closing, unread, flood] = [of('S'), of('C'), of('U'), of('F')];
    const others = [shut, closing, unread, flood];
    t.teardown(() => {
      for (const { socket } of [...streams, ...others]) socket.destroy();
    });
    flood.socket.pause();
    closing.socket.end('last word');
    await until('its last words', () => shut.ended && tree.log().includes('closing') && unread.got === 1);
    unread.socket.write(pattern(60_000));

    const moved = await a.migrate(tree.pid, b, { args });
    if (!t.equal(moved.code, 0, `it moves: ${explain(moved, b)}`)) return;
    t.equal(moved.report?.['forwarded-connections'], streams.length + others.length);
    Client.flights++;
    const before = streams.map(({ got }) => got);
    await until('every stream goes on', () => streams.every(({ got }, i) => got > (before[i] ?? 0) + 50_000));
    const worst = Math.max(...streams.map(({ worstMs }) => worstMs));
    t.comment(
      `downtime ${String(moved.report?.['downtime'])} ms, longest pause of a client ${worst.toFixed(1)} ms`,
    );

    const [status] = await statusOf(a);
    t.equal(status?.role, 'source');
    const local = (address: string): string =>
      address.includes(':') ? `[${address}]:7001` : `${address}:7001`;
    t.strictSame(
      new Set(status?.connections.map((one) => one.local)),
      new Set(hostsOf.map(local)),
      'the status names them',
    );
    t.equal((await statusOf(b))[0]?.role, 'target', 'also on the host that has the tree');
    const late = new Client(b.ip, 'E');
    late.ask();
    await until('somebody new is served by the new address', () => late.got > 10_000);
    const refused = new Client(a.ip, 'E');
    await until('nobody is by the old one', () => refused.problem.includes('ECONNREFUSED'));

    unread.socket.write(pattern(40_000, 60_000));
    b.kill(tree.pid, 'SIGUSR1');
    shut.socket.end('more');
    flood.socket.resume();
    await until(
      () => `all of it comes: ${JSON.stringify([unread.got, closing.got, flood.got, tree.log()])}`,
      () => unread.got === 6 && closing.ended && flood.ended && tree.log().includes('shut heard'),
    );
    t.equal(closing.got, 4, "what it says behind the other end's last word");
    t.equal(flood.got, 251 * 40_000, 'what waited in its send queue, and much more');
    t.strictSame(
      [...streams, ...others, late].flatMap(({ problem }) => (problem === '' ? [] : [problem])),
      [],
      'no reset, no wrong byte',
    );

    for (const client of [...streams, ...others]) client.finish();
    await until(
      () =>
        `each ends: ${JSON.stringify(streams.map((one) => [one.ended, one.problem, one.got]))} ${tree.log()}`,
      () => streams.every(({ ended }) => ended),
      20_000,
    );
    late.socket.destroy();
    let last: unknown;
  await until(
    () => `the last is forwarded no more: ${JSON.stringify(last)}`,
    async () => ((last = await statusOf(a)) as Forwarding[]).length === 0,
    20_000,
    500,
  );
  t.strictSame(await a.lastingLeftovers(), [], 'nothing is left where it came from');
    t.strictSame(await statusOf(b), []);
  },
);

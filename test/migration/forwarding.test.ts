// --keep-connections forward: the tree goes to a host with another address, and its connections go on through the one that it has left.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { sleep, until } from '../helpers/commands.ts';
import type { Host } from '../helpers/host.ts';
import { makeHosts, type Hosts } from '../helpers/hosts.ts';
import { Client, makeBed, pattern, UrgentClient } from '../helpers/moving-bed.ts';
import type { Spawned } from '../helpers/namespace-host.ts';
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
    using urgent = new UrgentClient(a.ip);
    await until('it has said all', () => urgent.said === 'said\n');
    await until('its last words', () => shut.ended && tree.log().includes('closing') && unread.got === 1);
    unread.socket.write(pattern(60_000));

    const moved = await a.migrate(tree.pid, b, { args });
    if (!t.equal(moved.code, 0, `it moves: ${explain(moved, b)}`)) return;
    t.equal(moved.report?.['forwarded-connections'], streams.length + others.length + 1);
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
    const { stdout: said } = await a.godwit(['status']);
    t.match(said, new RegExp(`${streams.length + others.length + 1} connections forwarded to ${b.ip}:`));
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
    await until(
      () => `urgent data was where it was: ${urgent.said}`,
      () => urgent.said === 'said\nright\n',
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
    let last: Forwarding[] = [];
    await until(
      () => `the last is forwarded no more: ${JSON.stringify(last)}`,
      async () => (last = await statusOf(a)).length === 0,
      20_000,
      500,
    );
    t.strictSame(await a.lastingLeftovers(), [], 'nothing is left where it came from');
    t.strictSame(await statusOf(b), []);
  },
);

/** A stream in each direction through a server that has moved from a to b, and whoever forwards it. */
async function forwarded(hosts: Hosts): Promise<{ stream: Client; tree: Spawned; forwarder: number }> {
  const { a, b, tree } = await makeBed(hosts);
  const stream = new Client(a.ip, 'E');
  stream.ask();
  await until('it flows', () => stream.got > 10_000);
  const moved = await a.migrate(tree.pid, b, { args });
  if (moved.code !== 0) throw new Error(`it does not move: ${explain(moved, b)}`);
  const before = stream.got;
  await until('it flows on', () => stream.got > before + 10_000);
  return { stream, tree, forwarder: (await statusOf(a))[0]?.pid ?? 0 };
}

await t.test('whoever forwards dies, and both ends hear of it', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b } = hosts;
  const { stream, tree, forwarder } = await forwarded(hosts);
  t.teardown(() => stream.socket.destroy());
  const again = await b.migrate(tree.pid, a, { args });
  t.equal(again.code, 3, 'it is refused to move on');
  t.match(again.stdout, /it is in another network namespace/);
  a.kill(forwarder, 'SIGKILL');
  stream.socket.write('!'); // it may be waiting for an answer, and nobody speaks to it any more
  await until('the client hears of it', () => stream.problem.includes('ECONNRESET'));
  await until('and the tree', () => tree.log().includes('error'));
  t.match(tree.log(), /connection abort/i, 'ECONNABORTED');
  t.strictSame(await statusOf(a), [], 'the status does not believe the dead');
  t.strictSame(await a.lastingLeftovers(), [], 'nothing is left');
  t.strictSame(await statusOf(b), []);
  const late = new Client(b.ip, 'E');
  late.ask();
  await until('the tree serves others', () => late.got > 10_000);
  late.socket.destroy();
});

await t.test('the operator ends it, or the target dies', { skip }, async (t) => {
  for (const how of ['operator', 'worker'] as const) {
    await using hosts = await makeHosts({ count: 2 });
    const { a, b } = hosts;
    const { stream, tree, forwarder } = await forwarded(hosts);
    t.teardown(() => stream.socket.destroy());
    if (how === 'operator') a.kill(forwarder, 'SIGTERM');
    else b.kill((await statusOf(b))[0]?.pid ?? 0, 'SIGKILL');
    await until('the client hears of it', () => stream.problem.includes('ECONNRESET'));
    if (how === 'operator') await until('and the tree', () => tree.log().includes('error'));
    await until('nothing is forwarded', async () => (await statusOf(a)).length === 0);
    t.strictSame(await a.lastingLeftovers(), [], `nothing is left (${how})`);
    t.not(b.process(tree.pid), undefined, 'the tree lives');
  }
});

await t.test('a flight that fails leaves every connection as it was', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b, tree } = await makeBed(hosts);
  const streams = Array.from({ length: 3 }, () => new Client(a.ip, 'E'));
  for (const stream of streams) stream.ask();
  t.teardown(() => {
    for (const { socket } of streams) socket.destroy();
  });
  const goOn = async (why: string): Promise<void> => {
    const before = streams.map(({ got }) => got);
    await until(why, () => streams.every(({ got }, i) => got > (before[i] ?? 0) + 10_000));
  };
  await goOn('they flow');
  await b.run('mount', ['--bind', '/dev/null', '/dev/net/tun']);
  const refused = await a.migrate(tree.pid, b, { args });
  t.equal(refused.code, 3, 'a target without tun devices');
  t.match(refused.stdout, /a tun device cannot be made/);
  await goOn('they flow as before');
  const both = await a.godwit(['check', '--pid', String(tree.pid), ...args, '--move-ip', a.ip]);
  t.equal(both.code, 2, 'an address moves, or it is answered for');
  await b.run('umount', ['/dev/net/tun']);

  // The agent dies when its connections may be locked already.
  for (let wait = 0; wait < 4; wait++) {
    const flight = a.start(process.execPath, a.migrateArgs(tree.pid, b, ['--json', ...args]), {
      timeoutMs: 60_000,
    });
    const caller = await a.pidOf(flight);
    await until('it freezes', () => flight.stdout.includes('"phase":"freeze"'), 30_000, 1);
    await sleep(8 * wait);
    const children = readFileSync(`/proc/${caller}/task/${caller}/children`, 'utf8').trim().split(' ');
    for (const pid of [...children.map(Number), caller]) process.kill(pid, 'SIGKILL');
    await flight.ended;
    const hasMoved = (): boolean => a.process(tree.pid) === undefined;
    await until('one copy is left', () => hasMoved() !== (b.process(tree.pid) === undefined), 30_000);
    if (hasMoved()) {
      t.comment(`it had moved ${8 * wait} ms behind the beginning of the freeze`);
      return;
    }
    await goOn(`after a kill, ${8 * wait} ms behind the beginning of the freeze`);
  }
  t.strictSame(await a.lastingLeftovers([tree.pid]), []);
  t.strictSame(
    streams.map(({ problem }) => problem),
    ['', '', ''],
  );
});

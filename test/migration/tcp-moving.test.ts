// TCP connections with others, whose address moves along (--move-ip): a server goes there and back under clients that check every byte and
// never connect again; and it goes on where it was when that does not work.
import t from 'tap';
import { sleep, until } from '../helpers/commands.ts';
import type { Host } from '../helpers/host.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { Client, makeBed, pattern, UrgentClient } from '../helpers/moving-bed.ts';
import { explain } from '../helpers/round-trip.ts';
import { unless } from '../helpers/skip-unless.ts';

t.setTimeout(300_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:python3');

const addressesOf = async (host: Host): Promise<string> => (await host.run('ip', ['-br', 'addr'])).stdout;

await t.test('clients do not notice', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b, tree, addresses, args } = await makeBed(hosts);
  const streams = addresses.flatMap((address) => Array.from({ length: 4 }, () => new Client(address, 'E')));
  for (const stream of streams) stream.ask();
  const of = (kind: string): Client => new Client(addresses[0] ?? '', kind);
  const [shut, closing, unread, flood] = [of('S'), of('C'), of('U'), of('F')];
  flood.socket.pause();
  closing.socket.end('last word');
  using urgent = new UrgentClient(addresses[0] ?? '');
  await until('it has said all', () => urgent.said === 'said\n');
  await until('its last words', () => shut.ended && tree.log().includes('closing') && unread.got === 1);
  unread.socket.write(pattern(60_000));
  t.teardown(() => {
    for (const { socket } of [...streams, shut, closing, unread, flood]) socket.destroy();
  });
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    const before = streams.map(({ got }) => got);
    for (const stream of streams) stream.worstMs = 0;
    const moved = await from.migrate(tree.pid, to, { args });
    if (!t.equal(moved.code, 0, `it moves from ${from.name} to ${to.name}: ${explain(moved, to)}`)) return;
    Client.flights++;
    await until('every stream goes on', () => streams.every(({ got }, i) => got > (before[i] ?? 0) + 20_000));
    const worst = Math.max(...streams.map(({ worstMs }) => worstMs));
    t.comment(
      `downtime ${String(moved.report?.['downtime'])} ms, longest pause of a client ${worst.toFixed(1)} ms`,
    );
    for (const address of addresses) {
      t.match(await addressesOf(to), `${address}/`, `${to.name} has ${address}`);
      t.notMatch(await addressesOf(from), `${address}/`, `${from.name} has not`);
    }
    shut.socket.write('more');
    unread.socket.write(pattern(20_000, 60_000 + (to === a ? 20_000 : 0)));
    t.strictSame(await from.lastingLeftovers(), [], 'nothing is left where it came from');
    const { stdout } = await from.run('ss', ['-Htan', 'sport = :7001 or dport = :7001']);
    t.equal(stdout, '', 'nor a connection');
  }
  const late = new Client(addresses[0] ?? '', 'E');
  late.ask();
  await until('somebody new is served', () => late.got > 10_000);
  a.kill(tree.pid, 'SIGUSR1');
  shut.socket.end();
  flood.socket.resume();
  await until(
    () => `all of it comes: ${JSON.stringify([unread.got, closing.got, flood.got, tree.log()])}`,
    () => unread.got === 6 && closing.ended && flood.ended && tree.log().includes('shut heard'),
  );
  t.match(tree.log(), /shut heard 8\b/, 'what came behind its own last word');
  t.equal(closing.got, 4, "what it says behind the other end's last word");
  t.equal(flood.got, 251 * 40_000, 'what waited in its send queue');
  await until(
    () => `urgent data was where it was: ${urgent.said}`,
    () => urgent.said === 'said\nright\n',
  );
  const all = [...streams, shut, closing, unread, flood, late];
  t.strictSame(
    all.flatMap(({ problem }) => (problem === '' ? [] : [problem])),
    [],
    'no reset, no wrong byte',
  );
  t.notMatch(tree.log(), /error|stream has ended/);
  late.socket.destroy();
});

await t.test('an address that cannot move, and a flight that fails', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b, tree, addresses, args } = await makeBed(hosts);
  const [address = ''] = addresses;
  const stream = new Client(address, 'E');
  t.teardown(() => stream.socket.destroy());
  stream.ask();
  const goesOn = async (what: string): Promise<void> => {
    const before = stream.got;
    await until(`the stream goes on: ${what}`, () => stream.got > before + 20_000);
    t.match(await addressesOf(a), `${address}/`, `the address is where it was: ${what}`);
  };
  const refusals: [args: string[], pattern: RegExp][] = [
    [[], /its other end is not in the tree.*--move-ip 10\./s],
    [['--move-ip', '10.1.2.3'], /address 10\.1\.2\.3.*this host does not have it/s],
    [['--move-ip', '127.0.0.1'], /every host has it for itself/],
    [['--move-ip', a.ip], /the two agents talk over it/],
    [['--move-ip', `${address}/none0`], /there is no interface none0 here/],
  ];
  for (const [given, pattern] of refusals) {
    const refused = await a.migrate(tree.pid, b, { args: given });
    t.equal(refused.code, 3, `${given.join(' ')}: ${explain(refused, b)}`);
    t.match(refused.stdout, pattern);
  }
  for (const wrong of ['nowhere', `${address}/24`]) {
    const refused = await a.migrate(tree.pid, b, { args: ['--move-ip', wrong] });
    t.equal(refused.code, 2, `--move-ip ${wrong} is a mistake`);
  }
  await b.run('ip', ['addr', 'add', `${address}/32`, 'dev', 'lo']);
  const taken = await a.migrate(tree.pid, b, { args: [...args] });
  t.match(taken.stdout, /this host has it already/);
  await b.run('ip', ['addr', 'del', `${address}/32`, 'dev', 'lo']);
  await goesOn('refused');

  // The target's agent does not answer any more when the tree stands fenced: nothing of it may be left.
  const flight = a.start(process.execPath, a.migrateArgs(tree.pid, b, ['--json', ...args]), {
    timeoutMs: 60_000,
  });
  const agent = await a.pidOf(flight);
  await until('it freezes', () => flight.stdout.includes('"phase":"freeze"'), 30_000, 1);
  await sleep(5);
  process.kill(agent, 'SIGKILL');
  await flight.ended;
  const isOn = (host: Host): boolean => host.process(tree.pid) !== undefined;
  await until('one copy of the tree is left', () => isOn(a) !== isOn(b), 30_000);
  const where = b.process(tree.pid) === undefined ? a : b;
  const before = stream.got;
  await until('the stream goes on after a kill', () => stream.got > before + 20_000, 20_000);
  t.match(await addressesOf(where), `${address}/`, `the address is where the tree is: ${where.name}`);
  t.equal(stream.problem, '', 'no reset, no wrong byte');
});

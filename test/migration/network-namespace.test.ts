// Trees with a network namespace of their own, as containers have: it moves as a whole, with links, addresses, routes, rules, neighbours,
// packet filter and settings, under clients that check every byte and never connect again.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { mustRun, sleep, until } from '../helpers/commands.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { Client } from '../helpers/moving-bed.ts';
import { makeNetworkBed, makeRoutedBed } from '../helpers/network-bed.ts';
import { explain } from '../helpers/round-trip.ts';
import { unless } from '../helpers/skip-unless.ts';

t.setTimeout(300_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:python3', 'command:nft');

/** What an administrator has set, as the tools tell it. */
const looks: readonly (readonly [command: string, ...args: string[]])[] = [
  ['ip', '-o', 'link', 'show', 'eth0'],
  ['ip', '-o', '-4', 'addr'],
  ['ip', '-o', '-6', 'addr'],
  ['ip', 'route', 'show', 'table', 'all'],
  ['ip', '-6', 'route'],
  ['ip', 'rule'],
  ['ip', '-6', 'rule'],
  ['ip', 'neigh', 'show', 'nud', 'permanent'],
  ['ip', 'neigh', 'show', 'proxy'],
  ['nft', 'list', 'ruleset'],
  ['cat', '/proc/sys/net/ipv4/ip_local_port_range', '/proc/sys/net/ipv4/conf/eth0/rp_filter'],
];

await t.test('it moves as a whole, and clients do not notice', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const subnet = hosts.a.ip.replace(/\.\d+$/, '');
  const { a, b, tree, addresses, inTree } = await makeNetworkBed(
    hosts,
    `
    ip rule add from ${subnet}.100 lookup 77 priority 1000
    ip route add 10.9.0.0/16 via ${subnet}.253 table 77 metric 5
    ip route add 192.0.2.0/24 nexthop via ${subnet}.252 weight 2 nexthop via ${subnet}.253
    ip route add unreachable 198.51.100.0/24
    ip neigh add ${subnet}.77 lladdr 02:00:00:00:00:77 dev eth0
    ip neigh add proxy ${subnet}.78 dev eth0
    sysctl -qw net.ipv4.ip_local_port_range='20000 30000' net.ipv4.conf.eth0.rp_filter=2
    nft 'add table inet guard { set friends { type ipv4_addr; elements = { 10.1.1.1, 10.1.1.2 }; }
      chain in { type filter hook input priority 0; policy drop; iif lo accept; ct state established accept;
        tcp dport 7001 counter accept; meta l4proto { icmp, icmpv6 } accept; ip saddr @friends accept; }; }'
  `,
  );
  const streams = addresses.flatMap((address) => Array.from({ length: 4 }, () => new Client(address, 'E')));
  t.teardown(() => {
    for (const { socket } of streams) socket.destroy();
  });
  for (const stream of streams) stream.ask();
  await a.run('ip', ['netns', 'attach', 'service', String(tree.pid)]);
  const look = async (host: typeof a): Promise<string[]> =>
    Promise.all(
      looks.map(async ([command, ...args]) =>
        (await inTree(host, command, ...args)).replace(
          /\\?\s*link-netnsid \d+|@if\d+|packets \d+ bytes \d+|valid_lft.*/g,
          '',
        ),
      ),
    );
  await until(
    'its addresses are settled',
    async () => !/tentative/.test(await inTree(a, 'ip', '-6', 'addr')),
  );
  const before = await look(a);
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    const got = streams.map((stream) => stream.got);
    for (const stream of streams) stream.worstMs = 0;
    const moved = await from.migrate(tree.pid, to);
    if (!t.equal(moved.code, 0, `it moves from ${from.name} to ${to.name}: ${explain(moved, to)}`)) return;
    await until('every stream goes on', () =>
      streams.every((stream, i) => stream.got > (got[i] ?? 0) + 20_000),
    );
    const worst = Math.max(...streams.map(({ worstMs }) => worstMs));
    t.comment(
      `downtime ${String(moved.report?.['downtime'])} ms, longest pause of a client ${worst.toFixed(1)} ms`,
    );
    t.strictSame(await look(to), before, `its network is what it was, on ${to.name}`);
    await until('it has its name', async () =>
      /^service/m.test((await to.run('ip', ['netns', 'list'])).stdout),
    );
    t.strictSame(await from.lastingLeftovers(), [], 'nothing is left where it came from');
    await until(
      'nor its link, nor its name',
      async () =>
        !(await from.run('sh', ['-c', 'ip -br link; ip netns list'])).stdout.match(/outer0|service/),
    );
  }
  const late = new Client(addresses[0] ?? '', 'E');
  late.ask();
  await until('somebody new is served', () => late.got > 10_000);
  late.socket.destroy();
  t.strictSame(
    [...streams, late].flatMap(({ problem }) => (problem === '' ? [] : [problem])),
    [],
    'no reset, no wrong byte',
  );
});

await t.test('what keeps it from moving, and a flight that fails', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b, tree, addresses, inTree } = await makeNetworkBed(hosts);
  const [address = ''] = addresses;
  const stream = new Client(address, 'E');
  t.teardown(() => stream.socket.destroy());
  stream.ask();
  const goesOn = async (what: string): Promise<void> => {
    const before = stream.got;
    await until(`the stream goes on: ${what}`, () => stream.got > before + 20_000, 20_000);
  };
  const expectRefusal = async (pattern: RegExp, ...args: string[]): Promise<void> => {
    const refused = await a.migrate(tree.pid, b, { args });
    t.equal(refused.code, 3, `${args.join(' ')} ${String(pattern)}: ${explain(refused, b)}`);
    t.match(refused.stdout, pattern);
  };
  await expectRefusal(/eth0.*there is no bridge nowhere here.*--link eth0@BRIDGE/s, '--link', 'eth0@nowhere');
  await expectRefusal(/eth0.*eth0, which is no bridge here/s, '--link', 'eth0@eth0');
  await expectRefusal(/--link eth7.*the tree has no veth of this name/s, '--link', 'eth7@br0');
  await expectRefusal(/has a network of its own, whose addresses all move/, '--move-ip', address);
  for (const wrong of ['eth0', 'eth0@', '@br0', 'eth0@br/0'])
    t.equal(
      (await a.migrate(tree.pid, b, { args: ['--link', wrong] })).code,
      2,
      `--link ${wrong} is a mistake`,
    );

  await inTree(
    a,
    'sh',
    '-c',
    'ip link add tunnel type bridge; tc qdisc add dev eth0 root tbf rate 1gbit burst 100kb latency 50ms || true',
  );
  await expectRefusal(/tunnel.*it is of kind bridge/s);
  await inTree(a, 'sh', '-c', 'ip link del tunnel; tc qdisc del dev eth0 root 2>/dev/null || true');
  const stranger = await a.spawn('nsenter', ['-t', String(tree.pid), '-n', 'sleep', '1000'], {
    name: 'stranger',
  });
  await until('somebody else is in there', async () => {
    const { stdout } = await a.run('readlink', [`/proc/${stranger.pid}/ns/net`, `/proc/${tree.pid}/ns/net`]);
    return new Set(stdout.trim().split('\n')).size === 1;
  });
  await expectRefusal(new RegExp(`process ${stranger.pid} \\(sleep\\) uses it too`));
  a.kill(stranger.pid);
  await a.waitGone(stranger.pid);
  await goesOn('refused');

  // The agent dies when the link may be cut already.
  for (let wait = 0; wait < 6; wait++) {
    const where = a.process(tree.pid) === undefined ? b : a;
    const flight = where.start(
      process.execPath,
      where.migrateArgs(tree.pid, where === a ? b : a, ['--json']),
      {
        timeoutMs: 60_000,
      },
    );
    const agent = await where.pidOf(flight);
    await until('it freezes', () => flight.stdout.includes('"phase":"freeze"'), 30_000, 1);
    await sleep(14 * wait);
    try {
      process.kill(agent, 'SIGKILL');
    } catch {
      t.comment('it was over already');
    }
    await flight.ended;
    await until(
      'one copy of the tree is left',
      () => (a.process(tree.pid) === undefined) !== (b.process(tree.pid) === undefined),
      30_000,
    );
    await goesOn(`after a kill, ${14 * wait} ms behind the beginning of the freeze`);
  }
  t.equal(stream.problem, '', 'no reset, no wrong byte');
});

await t.test('a network that its host routes to', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b, tree, addresses } = await makeRoutedBed(hosts);
  const net = (addresses[0] ?? '').replace(/\.\d+$/, '');
  const routeBy = async ({ ip }: typeof a): Promise<string> =>
    mustRun('ip', ['route', 'replace', `${net}.0/24`, 'via', ip, 'dev', hosts.uplink]);
  await routeBy(a);
  const streams = addresses.map((address) => new Client(address, 'E'));
  t.teardown(() => {
    for (const { socket } of streams) socket.destroy();
  });
  for (const stream of streams) stream.ask();
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    const moved = await from.migrate(tree.pid, to);
    if (!t.equal(moved.code, 0, `it moves from ${from.name} to ${to.name}: ${explain(moved, to)}`)) return;
    await routeBy(to);
    const got = streams.map((stream) => stream.got);
    await until('every stream goes on', () =>
      streams.every((stream, i) => stream.got > (got[i] ?? 0) + 20_000),
    );
    const { stdout } = await to.run('sh', ['-c', 'ip -br addr show dev outer0; ip route show dev outer0']);
    t.match(
      stdout,
      new RegExp(`outer0@if\\d+ +UP +${net}\\.1/30`),
      'its other end has the addresses that it had',
    );
    t.match(stdout, `${net}.96/28 via ${net}.2`, 'and the routes');
  }
  t.strictSame(
    streams.flatMap(({ problem }) => (problem === '' ? [] : [problem])),
    [],
    'no reset, no wrong byte',
  );
});

await t.test('a network that hangs on nothing', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b } = hosts;
  await Promise.all([a.receive(), b.receive()]);
  const program = `
import os, socket, time
os.system('ip link set lo up; ip link add left type veth peer name right; ip addr add 10.3.3.1/24 dev left; ip link set left up; ip link set right up')
abstract = socket.socket(socket.AF_UNIX); abstract.bind('\\0godwit-test'); abstract.listen(1)
l = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(l.getsockname()); s, _ = l.accept()
print('ready', flush=True)
n = 0
while True:
    n += 1; word = b'%08d' % n
    c.sendall(word); assert s.recv(8, socket.MSG_WAITALL) == word
    u = socket.socket(socket.AF_UNIX); u.connect('\\0godwit-test'); abstract.accept()[0].close(); u.close()
    if n % 50 == 0: print(n, flush=True)
    time.sleep(0.002)
`;
  const path = join(a.scratch, 'alone.py');
  writeFileSync(path, program);
  const tree = await a.spawn('unshare', ['--net', 'python3', path], { name: 'alone' });
  await until('it is ready', () => tree.log().includes('ready'));
  // Its names and ports are taken on the other host, which is another network.
  await b.spawn('python3', [
    '-c',
    "import socket,time; s=socket.socket(socket.AF_UNIX); s.bind('\\0godwit-test'); time.sleep(1000)",
  ]);
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    const moved = await from.migrate(tree.pid, to);
    if (!t.equal(moved.code, 0, `it moves from ${from.name} to ${to.name}: ${explain(moved, to)}`)) return;
    const lines = tree.log().length;
    await until('it goes on', () => tree.log().length > lines + 20);
    const links = await mustRun('nsenter', [
      '-t',
      String(to.outsidePid(tree.pid)),
      '-n',
      'ip',
      '-br',
      'addr',
    ]);
    t.match(links, /left@right +UP +10\.3\.3\.1\/24/);
    t.match(links, /lo +UNKNOWN +127\.0\.0\.1/);
  }
  t.equal(tree.errors(), '');
});

// A UDP server whose addresses move along: of the datagrams that are sent all the while, none is lost and none comes twice.
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { sleep, until } from '../helpers/commands.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { explain } from '../helpers/round-trip.ts';
import { unless } from '../helpers/skip-unless.ts';

t.setTimeout(300_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:python3');

/** Every number that it hears it says again; asked for a report it tells what is missing, and what came twice. */
const server = `
import socket, json
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
s.bind(('::', 7002)); print('ready', flush=True)
seen = {}
while True:
    d, who = s.recvfrom(65536)
    if d == b'report':
        n = max(seen); s.sendto(json.dumps({'heard': len(seen), 'missing': [i for i in range(n + 1) if i not in seen], 'twice': [i for i in seen if seen[i] > 1]}).encode(), who)
        continue
    i = int(d.split()[0]); seen[i] = seen.get(i, 0) + 1
    s.sendto(d, who)
`;

await t.test('no datagram is lost, and none comes twice', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b } = hosts;
  const address = a.ip.replace(/\.\d+$/, '.100');
  await a.run('ip', ['addr', 'add', `${address}/24`, 'dev', 'eth0']);
  await Promise.all([a.receive(), b.receive()]);
  const path = join(a.scratch, 'udp-server.py');
  writeFileSync(path, server);
  const tree = await a.spawn('python3', [path], { name: 'udp-server' });
  await until('the server is ready', () => tree.log().includes('ready'));

  const client = createSocket('udp4');
  t.teardown(() => {
    clearInterval(sender);
    client.close();
  });
  let sent = 0;
  let report: { heard: number; missing: number[]; twice: number[] } | undefined;
  const echoed = new Set<number>();
  client.on('message', (data) => {
    const text = data.toString();
    if (text.startsWith('{')) report = JSON.parse(text) as typeof report;
    else echoed.add(Number(text.split(' ')[0]));
  });
  // Short ones, and one that fills a frame.
  const sender = setInterval(() => {
    for (let i = 0; i < 3; i++)
      client.send(`${sent++} ${'x'.repeat(sent % 5 === 0 ? 1400 : 10)}`, 7002, address);
  }, 1);
  await until('it is heard', () => echoed.size > 100);
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    const moved = await from.migrate(tree.pid, to, { args: ['--move-ip', address] });
    if (!t.equal(moved.code, 0, `it moves from ${from.name} to ${to.name}: ${explain(moved, to)}`)) return;
    const before = echoed.size;
    await until('it is heard again', () => echoed.size > before + 500);
    t.comment(
      `heard again at ${before}, downtime ${String(moved.report?.['downtime'])} ms, ${sent} datagrams`,
    );
  }
  clearInterval(sender);
  await sleep(300);
  client.send('report', 7002, address);
  await until('it reports', () => report !== undefined);
  const runs: string[] = [];
  for (const number of report?.missing ?? []) {
    const last = runs.at(-1)?.split('-').map(Number) ?? [];
    if (last[1] === number - 1) runs[runs.length - 1] = `${last[0]}-${number}`;
    else runs.push(`${number}-${number}`);
  }
  t.comment(`missing: ${runs.join(' ')}`);
  t.strictSame(report, { heard: sent, missing: [], twice: [] });
});

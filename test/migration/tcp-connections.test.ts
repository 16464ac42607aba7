// TCP connections: those between processes of the tree go on where they were when the flight fails (test/workloads/tcp-pairs.c is what they
// are when it does not), others are refused.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { until } from '../helpers/commands.ts';
import type { Host } from '../helpers/host.ts';
import { makeHosts } from '../helpers/hosts.ts';
import type { Spawned } from '../helpers/namespace-host.ts';
import { explain } from '../helpers/round-trip.ts';
import { unless } from '../helpers/skip-unless.ts';

/** A connection with itself, from port 7002 to 7001; SIGUSR1: says whether it works, and what its options are. */
const talker = `
import signal, socket, time
l = socket.create_server(('127.0.0.1', 7001)); c = socket.socket(); c.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
c.bind(('127.0.0.1', 7002)); c.connect(l.getsockname()); s, _ = l.accept(); l.close()
c.sendall(b'unread'); c.settimeout(10); s.settimeout(10)
def talk(*_):
    assert s.recv(6, socket.MSG_WAITALL) == b'unread'
    s.sendall(b'answer'); assert c.recv(6, socket.MSG_WAITALL) == b'answer'
    c.sendall(b'unread')
    print('talks', c.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR), c.getsockopt(socket.SOL_SOCKET, 26, 0), flush=True)
signal.signal(signal.SIGUSR1, talk)
print('ready', flush=True)
while True: time.sleep(60)
`;
/** A client of somebody who stays. */
const client = `
import socket, time
c = socket.create_connection(('127.0.0.1', 7001))
print('ready', flush=True)
while True: time.sleep(60)
`;
const server = `
import socket, time
l = socket.create_server(('127.0.0.1', 7001)); print('ready', flush=True); s, _ = l.accept()
while True: time.sleep(60)
`;

async function start(host: Host, name: string, program: string): Promise<Spawned> {
  const path = join(host.scratch, `${name}.py`);
  writeFileSync(path, program);
  const spawned = await host.spawn('python3', [path], { name });
  await until(`${name} is ready`, () => spawned.log().includes('ready'));
  return spawned;
}

const skip = await unless('hosts', 'godwit', 'command:python3');

await t.test('connections of a flight that fails, and to others', { skip, timeout: 120_000 }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b } = hosts;
  await b.receive();
  const tree = await start(a, 'talker', talker);
  const other = await start(b, 'talker', talker); // has the same connection there
  const failed = await a.migrate(tree.pid, b);
  t.equal(failed.code, 3, `the target cannot make it: ${explain(failed, b)}`);
  t.match(failed.stdout, /TCP connection 127\.0\.0\.1:700[12] <- 127\.0\.0\.1:700[12] cannot be made/);
  for (const [host, spawned] of [
    [a, tree],
    [b, other],
  ] as const) {
    host.kill(spawned.pid, 'SIGUSR1');
    await until('it talks', () => spawned.log().includes('talks'));
    t.match(
      spawned.log(),
      /talks 1 0/,
      `on ${host.name} it works, with its SO_REUSEADDR and without a filter`,
    );
  }
  b.kill(other.pid);
  await b.waitGone(other.pid);
  const moved = await a.migrate(tree.pid, b);
  t.equal(moved.code, 0, `when nobody has it there, it moves: ${explain(moved, b)}`);
  b.kill(tree.pid, 'SIGUSR1');
  await until('it talks there', () => tree.log().split('talks').length === 3);
  t.strictSame(await a.lastingLeftovers(), [], 'nothing is left where it came from');
  const { stdout } = await a.run('ss', ['-Htan']);
  t.equal(stdout.includes('7002'), false, 'nor a connection that its kernel would go on with');

  const stays = await start(a, 'server', server);
  const goes = await start(a, 'client', client);
  const refused = await a.migrate(goes.pid, b);
  t.equal(refused.code, 3, 'a connection with somebody who stays is refused');
  t.match(
    refused.stdout,
    /the TCP connection 127\.0\.0\.1:\d+ <- 127\.0\.0\.1:7001 .*its other end is not in the tree/,
  );
  a.kill(stays.pid);
});

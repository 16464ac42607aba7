// A datagram that is not complete (UDP_CORK) is shown to nobody: the tree stays where it is until the program has sent it, and nothing of
// it is lost.
import t from 'tap';
import { until } from '../helpers/commands.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { explain } from '../helpers/round-trip.ts';
import { unless } from '../helpers/skip-unless.ts';

const skip = await unless('hosts', 'godwit', 'command:python3');
t.setTimeout(180_000);

/** SIGUSR1: sends the rest. */
const program = `
import signal, socket
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); receiver.bind(('127.0.0.1', 0))
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); sender.connect(receiver.getsockname())
UDP_CORK = 1
sender.setsockopt(socket.IPPROTO_UDP, UDP_CORK, 1)
sender.send(b'begun, ')
def finish(*_):
    sender.send(b'ended'); sender.setsockopt(socket.IPPROTO_UDP, UDP_CORK, 0)
    print('got', receiver.recv(100).decode(), flush=True)
signal.signal(signal.SIGUSR1, finish)
print('ready', flush=True)
while True: signal.pause()
`;

await t.test('a datagram that is held back is waited for', { skip, timeout: 170_000 }, async (t) => {
  await using hosts = await makeHosts();
  const { a, b } = hosts;
  await b.receive();
  const spawned = await a.spawn('python3', ['-c', program]);
  await until('the program is ready', () => spawned.log().includes('ready'));
  const refused = await a.migrate(spawned.pid, b);
  t.equal(refused.code, 3);
  t.match(JSON.stringify(refused.lines), 'holds a datagram back');
  t.ok(a.process(spawned.pid), 'the tree runs on');
  await a.run('kill', ['-USR1', String(spawned.pid)]);
  await until('it is sent', () => spawned.log().includes('got begun, ended'));
  const moved = await a.migrate(spawned.pid, b);
  t.equal(moved.code, 0, explain(moved, b));
});

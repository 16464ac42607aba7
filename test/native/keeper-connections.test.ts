// TCP connections that an agent has locked before it died: the keeper unlocks them before their program runs again.
import { spawn } from 'node:child_process';
import t from 'tap';
import { KilledAgent } from '../helpers/keeper-agent.ts';
import { newId, nothingLeft, ownFolders, unlessFences } from '../helpers/keeper-bed.ts';
import { hasCommand, until } from '../helpers/commands.ts';

const folders = ownFolders();
const skip = unlessFences() || (!(await hasCommand('python3')) && 'python3 is not installed');
t.after(folders.remove);

/** Talks to itself all the time; one end has SO_REUSEADDR. */
const script = `
import socket
l = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(l.getsockname()); s, _ = l.accept()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0); c.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
c.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1); c.setsockopt(socket.IPPROTO_TCP, 18, 7000) # TCP_USER_TIMEOUT
print(c.fileno(), s.fileno(), flush=True)
c.settimeout(20); s.settimeout(20)
while True:
    c.sendall(b'question'); assert s.recv(8, socket.MSG_WAITALL) == b'question'
    s.sendall(b'answer'); assert c.recv(6, socket.MSG_WAITALL) == b'answer'
    print('reuse', *(one.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) for one in (c, s)),
        'keepalive', *(one.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) for one in (c, s)),
        'timeout', *(one.getsockopt(socket.IPPROTO_TCP, 18) for one in (c, s)), flush=True)
`;

t.test('a connection that an agent has locked goes on when the agent dies', { skip }, async (t) => {
  const id = newId();
  const talker = spawn('python3', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => talker.kill('SIGKILL'));
  let out = '';
  talker.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  await until('it talks', () => out.includes('reuse'));
  const [client = -1, server = -1] = (out.split('\n')[0] ?? '').split(' ').map(Number);
  const agent = new KilledAgent();
  const pid = talker.pid ?? 0;
  await agent.do('start', { role: 'source', id });
  await agent.do('fence', [pid]);
  await agent.do('freeze');
  await agent.do('lock', pid, [
    { fd: client, reuse: true },
    { fd: server, reuse: false },
  ]);
  await agent.kill();
  out = '';
  await until('it talks again', () => out.includes('\nreuse'));
  t.match(out, /^reuse 1 0 keepalive 1 0 timeout 7000 0$/m, 'both ends have the options that they had');
  t.equal(talker.exitCode, null, 'nothing was lost');
  await nothingLeft(id);
});

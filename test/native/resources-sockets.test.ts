// Sockets: dumped from one process, restored into another, looked at from the inside and from outside.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { closeConnections } from '../../src/source/open-files.ts';
import { Puppets, pythonMissing, until } from '../helpers/open-file-puppets.ts';
import { dumpPuppets, roundTrip } from '../helpers/open-file-trip.ts';

const skip = await pythonMissing();

const helpers = `
def opened(**sockets):
    globals().update(sockets); keep.update({name: s.fileno() for name, s in sockets.items()})
def inherit():
    globals().update({name: socket.socket(fileno=fd) for name, fd in keep.items() if isinstance(fd, int)})
`;

void t.test(
  'a pair of stream sockets keeps queued data both ways, flags and half-shut ends',
  { skip },
  async () => {
    await roundTrip({
      make: `${helpers}
a, b = socket.socketpair(); c, d = socket.socketpair(); e, f = socket.socketpair()
a.sendall(b'to b'); b.sendall(b'to a' * 20000); a.setblocking(False)
c.sendall(b'before the end'); c.shutdown(socket.SHUT_WR)
e.sendall(b'last words'); e.close()
d.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('qq', 7, 0))
opened(a=a, b=b, c=c, d=d, f=f)
`,
      check: `${helpers}
inherit()
expect('non-blocking', os.O_NONBLOCK, fcntl.fcntl(a, fcntl.F_GETFL) & os.O_NONBLOCK)
expect('blocking', 0, fcntl.fcntl(b, fcntl.F_GETFL) & os.O_NONBLOCK)
expect('b', b'to b', b.recv(100)); expect('a', b'to a' * 20000, a.recv(1 << 20)); b.sendall(b'again'); expect('again', b'again', a.recv(100))
expect('half shut', b'before the end', d.recv(100)); expect('its end', b'', d.recv(100)); d.sendall(b'back'); expect('back', b'back', c.recv(10))
fails('shut', errno.EPIPE, lambda: c.send(b'x', socket.MSG_NOSIGNAL))
expect('timeout', struct.pack('qq', 7, 0), d.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16))
expect('of a closed peer', b'last words', f.recv(100)); expect('the end', b'', f.recv(100)); fails('closed', errno.EPIPE, lambda: f.send(b'x', socket.MSG_NOSIGNAL))
expect('numbers', sorted(keep.values()), numbers())
`,
    });
  },
);

void t.test(
  'datagrams and sequenced packets keep their borders, in several processes',
  { skip },
  async () => {
    await roundTrip({
      forked: ['child'],
      make: `${helpers}
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM); c, d = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
for text in (b'one', b'', b'three'): a.send(text)
for text in (b'uno', b'tres' * 1000): c.send(text)
opened(a=a, b=b, c=c, d=d)
pid = os.fork()
if pid == 0:
    a.close(); c.close(); freeze()
b.close(); d.close()
keep.update(child=pid)
`,
      check: `${helpers}
if number == 0:
    a = socket.socket(fileno=keep['a']); c = socket.socket(fileno=keep['c'])
    a.send(b'more'); c.send(b'mas'); expect('numbers', sorted([keep['a'], keep['c']]), numbers())
    while not os.path.exists(path('result1')): time.sleep(0.01)
else:
    b = socket.socket(fileno=keep['b']); d = socket.socket(fileno=keep['d'])
    expect('datagrams', [b'one', b'', b'three', b'more'], [b.recv(100) for i in range(4)])
    expect('packets', [b'uno', b'tres' * 1000, b'mas'], [d.recv(9000) for i in range(3)])
`,
    });
  },
);

for (const sourceStays of [true, false]) {
  void t.test(
    `unix listeners keep name, mode and backlog, accepted sockets their names${sourceStays ? ', beside the source' : ''}`,
    { skip },
    async (t) => {
      await roundTrip(
        {
          sourceStays,
          make: `${helpers}
l = socket.socket(socket.AF_UNIX); l.bind(path('sock')); l.listen(7); os.chmod(path('sock'), 0o620)
rel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); rel.bind('relative')
client = socket.socket(socket.AF_UNIX); client.connect(path('sock')); server, _ = l.accept(); client.sendall(b'hello')
gone = socket.socket(socket.AF_UNIX); gone.bind(path('gone')); gone.listen(1); gc = socket.socket(socket.AF_UNIX); gc.connect(path('gone')); gs, _ = gone.accept(); gone.close(); os.unlink(path('gone'))
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); sender.connect('relative'); sender.send(b'datagram')
opened(l=l, rel=rel, client=client, server=server, gc=gc, gs=gs, sender=sender)
`,
          check: `${helpers}
inherit()
expect('listening', 1, l.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)); expect('name', path('sock'), l.getsockname())
expect('mode', 0o620, os.stat(path('sock')).st_mode & 0o7777)
expect('accepted name', path('sock'), server.getsockname()); expect('peer name', path('sock'), client.getpeername()); expect('data', b'hello', server.recv(100))
expect('relative', 'relative', rel.getsockname()); expect('datagram', b'datagram', rel.recv(100)); sender.send(b'more'); expect('more', b'more', rel.recv(100))
expect('name of a listener that is gone', path('gone'), gs.getsockname()); expect('no such file', False, os.path.exists(path('gone')))
gs.sendall(b'x'); expect('works', b'x', gc.recv(1))
c = socket.socket(socket.AF_UNIX); c.connect(path('sock')); s, _ = l.accept(); s.sendall(b'new'); expect('a new client', b'new', c.recv(10))
c = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); c.sendto(b'by name', path('relative')); expect('by name', b'by name', rel.recv(10))
`,
        },
        ({ directory }) => {
          t.same(
            readdirSync(directory).filter((name) => name.includes('godwit')),
            [],
            'nothing is left aside',
          );
        },
      );
    },
  );
}

void t.test('an abort puts the names of unix sockets back', { skip }, async (t) => {
  let inode = 0n;
  await roundTrip(
    {
      sourceStays: true,
      make: `${helpers}
l = socket.socket(socket.AF_UNIX); l.bind(path('sock')); l.listen(7); opened(l=l)
`,
      check: 'pass',
      beforeRestore: (directory) => {
        inode = statSync(join(directory, 'sock'), { bigint: true }).ino;
      },
      afterRestore: (restored, directory) => {
        t.not(statSync(join(directory, 'sock'), { bigint: true }).ino, inode);
        t.equal(restored.undoSteps.length, 1);
        restored.undo();
        t.equal(statSync(join(directory, 'sock'), { bigint: true }).ino, inode);
      },
    },
    ({ directory }) => {
      t.ok(existsSync(join(directory, 'sock')));
    },
  );
});

void t.test('TCP listeners keep address, backlog and options', { skip }, async (t) => {
  let port = 0;
  await roundTrip(
    {
      make: `${helpers}
l = socket.socket(); l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
l.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1); l.setsockopt(6, socket.TCP_KEEPIDLE, 77); l.setsockopt(6, socket.TCP_DEFER_ACCEPT, 7)
l.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 50000); l.setsockopt(6, socket.TCP_NODELAY, 1)
l.bind(('127.0.0.1', 0)); l.listen(37); l.setblocking(False)
l6 = socket.socket(socket.AF_INET6); l6.setsockopt(41, socket.IPV6_V6ONLY, 1); l6.bind(('::1', 0)); l6.listen(5)
fresh = socket.socket(); bound = socket.socket(); bound.bind(('127.0.0.1', 0))
opened(l=l, l6=l6, fresh=fresh, bound=bound)
keep.update(names=[l.getsockname()[1], l6.getsockname()[1], bound.getsockname()[1]], port=l.getsockname()[1])
`,
      check: `${helpers}
names = keep.pop('names'); port = keep.pop('port'); inherit()
expect('names', names, [l.getsockname()[1], l6.getsockname()[1], bound.getsockname()[1]])
get = lambda s, level, name: s.getsockopt(level, name)
expect('options', [1, 1, 1, 77, 7, 100000, 1], [get(l, 1, 2) and 1, get(l, 1, 15) and 1, get(l, 1, 9), get(l, 6, 4), get(l, 6, 9), get(l, 1, 8), get(l, 6, 1)])
expect('v6only', 1, get(l6, 41, 26)); expect('not tuned by hand', 0, get(l6, 1, 72)); expect('by hand', 2, get(l, 1, 72))
info = l.getsockopt(6, 11, 104); expect('backlog', (10, 37), (info[0], struct.unpack_from('I', info, 28)[0]))
expect('fresh', ('0.0.0.0', 0), fresh.getsockname()); expect('non-blocking', os.O_NONBLOCK, fcntl.fcntl(l, fcntl.F_GETFL) & os.O_NONBLOCK)
c = socket.socket(socket.AF_INET6); c.connect(('::1', names[1])); s, _ = l6.accept(); s.sendall(b'x'); expect('works', b'x', c.recv(1))
`,
    },
    ({ dumped }) => {
      port = dumped.openFiles.filter(({ resource }) => resource.kind === 'tcp').length;
    },
  );
  t.equal(port, 4);
});

void t.test('MPTCP listeners stay MPTCP', { skip }, async () => {
  await roundTrip({
    make: `${helpers}
try: l = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
except OSError: l = socket.socket()
l.bind(('127.0.0.1', 0)); l.listen(9); opened(l=l); keep.update(protocol=l.getsockopt(1, 38), port=l.getsockname()[1])
`,
    check: `${helpers}
l = socket.socket(fileno=keep['l']); expect('protocol', keep['protocol'], l.getsockopt(1, 38)); expect('port', keep['port'], l.getsockname()[1])
c = socket.socket(); c.connect(l.getsockname()); s, _ = l.accept(); s.sendall(b'x'); expect('works', b'x', c.recv(1))
`,
  });
});

void t.test(
  'a connection dropped by --tcp-close says so once and is hung up from then on',
  { skip },
  async (t) => {
    const server = createServer();
    const sockets: Socket[] = [];
    server.on('connection', (socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await roundTrip(
      {
        tcpClose: true,
        make: `${helpers}
c = socket.socket(); c.connect(('127.0.0.1', ${port})); ep = select.epoll(); ep.register(c, 1); opened(c=c); keep['ep'] = ep.fileno(); globals().update(hold=ep)
`,
        check: `
ep = select.epoll.fromfd(keep['ep']); c = socket.socket(fileno=keep['c'])
got = dict(ep.poll(0)).get(keep['c']) or 0; expect('hung up with an error', 0x18, got & 0x18)
fails('first read', errno.ECONNABORTED, lambda: c.recv(1)); fails('second read', errno.ENOTCONN, lambda: c.recv(1))
`,
      },
      ({ dumped }) => {
        t.ok(
          dumped.openFiles.some(({ resource }) => resource.kind === 'tcp' && resource.state === 'dropped'),
        );
      },
    );
    for (const socket of sockets) socket.destroy();
    server.close();
  },
);

async function readWhenThere(path: string): Promise<string> {
  await until(() => existsSync(path), `${path} is written`);
  return readFileSync(path, 'utf8');
}

void t.test('clients hear at once that their connections were closed', { skip }, async (t) => {
  let client: Socket | undefined;
  let code: string | undefined;
  await using puppets = new Puppets();
  const { refs, blockers, dump } = await dumpPuppets(puppets, {
    make: `${helpers}
l = socket.socket(); l.bind(('127.0.0.1', 0)); l.listen(5); write('port', str(l.getsockname()[1])); s, _ = l.accept(); opened(l=l, s=s)
`,
    tcpClose: false,
    started: async (directory) => {
      client = connect(Number(await readWhenThere(join(directory, 'port'))), '127.0.0.1');
      client.on('error', (error: NodeJS.ErrnoException) => {
        code = error.code;
      });
    },
  });
  t.match(blockers, [
    { side: 'source', object: /^pid \d+ fd \d+ \(socket/, reason: /127\.0\.0\.1:\d+ <- 127\.0\.0\.1:\d+/ },
  ]);
  t.throws(dump, { code: 'REFUSED', message: /TCP connection 127/ });
  t.equal(closeConnections(refs), 1);
  await until(() => code !== undefined, 'the client hears of it');
  t.equal(code, 'ECONNRESET');
  client?.destroy();
});

void t.test('UDP sockets keep address, peer and options', { skip }, async () => {
  await roundTrip({
    make: `${helpers}
a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); a.bind(('127.0.0.1', 0)); a.setsockopt(1, socket.SO_BROADCAST, 1)
b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); b.connect(a.getsockname()); f = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
opened(a=a, b=b, f=f); keep.update(names=[a.getsockname(), b.getsockname()])
`,
    check: `${helpers}
names = [tuple(x) for x in keep.pop('names')]; inherit()
expect('names', names, [a.getsockname(), b.getsockname()]); expect('peer', names[0], b.getpeername()); expect('broadcast', 1, a.getsockopt(1, socket.SO_BROADCAST))
b.send(b'hi'); expect('works', (b'hi', names[1]), a.recvfrom(10))
`,
  });
});

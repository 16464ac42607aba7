// Open files in flight: dumped out of the queues of one process's sockets, restored into those of another, received and looked at there.
import { readdirSync } from 'node:fs';
import t from 'tap';
import { surveyOpenFiles } from '../../src/source/open-files.ts';
import { Puppets, pythonMissing } from '../helpers/open-file-puppets.ts';
import { dumpPuppets, roundTrip } from '../helpers/open-file-trip.ts';

const skip = await pythonMissing();

const helpers = `
import array
def opened(**sockets):
    globals().update(sockets); keep.update({name: s.fileno() for name, s in sockets.items()})
def inherit():
    globals().update({name: socket.socket(fileno=fd) for name, fd in keep.items() if isinstance(fd, int)})
def send(s, data, *fds):
    s.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))])
def receive(s, size=100, flags=0):
    data, found, flags, _ = s.recvmsg(size, 4096, flags)
    fds = array.array('i')
    for level, kind, content in found:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS): fds.frombytes(content)
    return (data, *fds)
def same(a, b):
    return libc.syscall(312, os.getpid(), os.getpid(), 0, a, b) == 0
def pair(kind=socket.SOCK_STREAM): return socket.socketpair(socket.AF_UNIX, kind)
`;

for (const kind of ['STREAM', 'DGRAM', 'SEQPACKET']) {
  void t.test(
    `a ${kind} socket brings files that a process has too, and files that nobody has`,
    { skip },
    async (t) => {
      await roundTrip(
        {
          make: `${helpers}
open(path('f'), 'w').write('0123456789' * 10); open(path('g'), 'w').write('abcdefghij')
f = os.open(path('f'), os.O_RDONLY); os.lseek(f, 4, 0); g = os.open(path('g'), os.O_RDWR | os.O_APPEND); os.lseek(g, 2, 0); other = os.open(path('f'), os.O_RDONLY); os.lseek(other, 4, 0)
a, b = pair(socket.SOCK_${kind})
a.send(b'plain'); send(a, b'two', f, g); a.send(b'between'); send(a, b'again', g); send(a, b'third', other); a.send(b'end')
os.close(g); os.close(other); opened(a=a, b=b); keep['f'] = f
`,
          check: `${helpers}
f = keep.pop('f'); inherit()
expect('peek', ${kind === 'STREAM' ? "b'plaintwo'" : "b'plain'"}, b.recv(100, socket.MSG_PEEK))
expect('plain', (b'plain',), receive(b, 5)); data, f2, g = receive(b); expect('two', b'two', data)
expect('one open file', True, same(f, f2)); expect('another', False, same(f, g)); os.lseek(f, 7, 0); expect('offset', 7, os.lseek(f2, 0, 1))
expect('offset of g', 2, os.lseek(g, 0, 1)); expect('flags of g', os.O_RDWR | os.O_APPEND, fcntl.fcntl(g, fcntl.F_GETFL) & ~0o100000); expect('content', b'cdefghij', os.read(g, 100))
expect('between', b'between', b.recv(7)); data, g2 = receive(b); expect('again', (b'again', True), (data, same(g, g2)))
data, other = receive(b); expect('third', (b'third', False, 4), (data, same(other, f), os.lseek(other, 0, 1)))
expect('end', (b'end',), receive(b)); b.setblocking(False); fails('nothing more', errno.EAGAIN, lambda: b.recv(1))
for fd in (f, f2, g, g2, other): os.close(fd)
expect('numbers', sorted([a.fileno(), b.fileno()]), numbers())
`,
        },
        ({ dumped }) => {
          t.equal(dumped.openFiles.filter(({ resource }) => resource.kind === 'regular').length, 3);
        },
      );
    },
  );
}

void t.test('reads of a stream end where they ended, however small its buffer', { skip }, async () => {
  await roundTrip({
    make: `${helpers}
a, b = pair(); fds = [os.open('/dev/null', os.O_RDONLY) for i in range(20)]
for i, fd in enumerate(fds): a.send(b'p' * (i * 37)) if i % 3 else None; send(a, bytes([65 + i]) * (1 + i * 411), fd)
a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096); opened(a=a, b=b)
for fd in fds: os.close(fd)
`,
    check: `${helpers}
inherit()
for i in range(20):
    if i % 3: expect('plain', (b'p' * (i * 37),), receive(b, i * 37))
    data, fd = receive(b, 100000); expect('bytes', bytes([65 + i]) * (1 + i * 411), data); os.close(fd)
expect('buffer', 8192, a.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF))
`,
  });
});

void t.test('messages without bytes stay, with descriptors and without', { skip }, async () => {
  await roundTrip({
    make: `${helpers}
a, b = pair(socket.SOCK_DGRAM); c, d = pair(socket.SOCK_SEQPACKET); fd = os.open('/dev/zero', os.O_RDONLY)
for s in (a, c):
    send(s, b'', fd); s.send(b''); s.send(b'x'); s.send(b''); send(s, b'', fd)
b.recv(1, socket.MSG_PEEK); d.recv(1, socket.MSG_PEEK)
os.close(fd); opened(a=a, b=b, c=c, d=d)
`,
    check: `${helpers}
inherit()
for s in (b, d):
    first = receive(s); expect('first', (b'', 2), (first[0], len(first))); expect('empty', (b'',), receive(s)); expect('x', (b'x',), receive(s)); expect('empty again', (b'',), receive(s))
    last = receive(s); expect('last', (b'', True), (last[0], same(first[1], last[1])))
    s.setblocking(False); fails('nothing more', errno.EAGAIN, lambda: s.recv(1))
`,
  });
});

void t.test('253 descriptors in one message, and of many messages', { skip }, async () => {
  await roundTrip({
    make: `${helpers}
a, b = pair(); fds = [os.eventfd(i) for i in range(253)]; send(a, b'all', *fds)
for i in range(100): send(a, b'%d,' % i, fds[i], fds[252 - i])
for fd in fds: os.close(fd)
opened(a=a, b=b)
`,
    check: `${helpers}
inherit(); data, *fds = receive(b); expect('all', (b'all', 253), (data, len(fds)))
expect('counters', list(range(1, 253)), [os.eventfd_read(fd) for fd in fds[1:]])
for i in range(100):
    data, x, y = receive(b); expect('message', (b'%d,' % i, True, True), (data, same(x, fds[i]), same(y, fds[252 - i]))); os.close(x); os.close(y)
`,
  });
});

void t.test('sockets in flight carry sockets in flight, in circles too', { skip }, async () => {
  await roundTrip({
    make: `${helpers}
a, b = pair(); inner = [pair(socket.SOCK_DGRAM) for i in range(8)]; fd = os.eventfd(77)
send(inner[7][0], b'deep', fd)
for i in range(7, 0, -1): send(inner[i - 1][0], b'%d' % i, inner[i][0].fileno(), inner[i][1].fileno())
send(a, b'outer', inner[0][0].fileno(), inner[0][1].fileno())
for x, y in inner: x.close(); y.close()
os.close(fd)
c, d = pair(socket.SOCK_DGRAM); send(c, b'myself', d.fileno()); send(c, b'and the other', c.fileno(), d.fileno())
e, f = pair(); g, h = pair(); send(e, b'h', h.fileno()); send(g, b'f', f.fileno()); h.close(); e.close(); 
opened(a=a, b=b, c=c, d=d, f=f, g=g)
`,
    check: `${helpers}
inherit(); data, x, y = receive(b); expect('outer', b'outer', data)
for i in range(1, 8):
    s = sock(y); sock(x).detach(); data, x, y = receive(s); expect('nested', b'%d' % i, data); s.detach()
s = sock(y); data, fd = receive(s); expect('deep', (b'deep', 77), (data, os.eventfd_read(fd)))
sock(x).send(b'alive'); expect('alive', b'alive', s.recv(10))
data, me = receive(d); expect('myself', (b'myself', True), (data, same(me, d.fileno()))); data, x, y = receive(d); expect('both', (b'and the other', True, True), (data, same(x, c.fileno()), same(y, d.fileno())))
data, h = receive(f); expect('h', b'h', data); data, again = receive(sock(h)); expect('f', (b'f', True), (data, same(again, f.fileno())))
`,
  });
});

void t.test('senders stay who they were, living, dead, and never told', { skip }, async () => {
  await roundTrip({
    make: `${helpers}
SCM_CREDENTIALS = 2
def named(s, data, pid, uid, gid, *fds):
    s.sendmsg([data], [(1, SCM_CREDENTIALS, struct.pack('iII', pid, uid, gid))] + ([(1, 1, array.array('i', fds))] if fds else []))
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
    a, b = pair(kind); a.send(b'unasked'); b.setsockopt(1, socket.SO_PASSCRED, 1); fd = os.open('/dev/null', 0)
    a.send(b'own'); named(a, b'other', os.getpid(), 1234, 5678); named(a, b'filed', os.getpid(), 1234, 5678, fd); os.close(fd)
    child = os.fork()
    if child == 0: a.send(b'dead'); os._exit(0)
    os.waitpid(child, 0); keep.update({'a%d' % kind: a.fileno(), 'b%d' % kind: b.fileno(), 'pid': os.getpid(), 'dead%d' % kind: child}); a.send(b'last'); a.detach(); b.detach()
`,
    check: `${helpers}
def who(s, size):
    data, found, flags, _ = s.recvmsg(size, 4096); fds = 0; creds = None
    for level, kind, content in found:
        if kind == 2: creds = struct.unpack('iII', content)
        if kind == 1: fds = len(content) // 4
    return data, creds, fds
for kind in (1, 2, 5):
    b = sock(keep['b%d' % kind]); pid = keep['pid']
    expect('unasked', (b'unasked', (0, 65534, 65534), 0), who(b, 100)); data, creds, fds = who(b, 100); expect('own', (b'own', 0, 0), (data, *creds[1:]))
    if kind == 1:
        expect('other', b'other', who(b, 5)[0]); expect('filed', (b'filed', (creds[0], 1234, 5678), 1), who(b, 100))
    else:
        expect('other', (b'other', (creds[0], 1234, 5678), 0), who(b, 100)); expect('filed', (b'filed', (creds[0], 1234, 5678), 1), who(b, 100))
    data, dead, fds = who(b, 100); expect('dead', b'dead', data); expect('last', b'last', who(b, 100)[0]); expect('option', 1, b.getsockopt(1, socket.SO_PASSCRED))
`,
  });
});

void t.test('nothing of the source is changed by a look at it, and no copy stays', { skip }, async (t) => {
  await using puppets = new Puppets();
  const { refs, dump } = await dumpPuppets(puppets, {
    make: `${helpers}
a, b = pair(socket.SOCK_DGRAM); c, d = pair(); r, w = os.pipe()
for s in (a, c): s.send(b'first'); send(s, b'second', r, w)
b.setsockopt(socket.SOL_SOCKET, 42, 3); os.close(r); os.close(w); opened(a=a, b=b, c=c, d=d)
`,
  });
  const before = readdirSync('/proc/self/fd').length;
  const seen = (): string =>
    JSON.stringify(dump(), (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value));
  const first = seen();
  for (let i = 0; i < 20; i++)
    surveyOpenFiles(refs, {
      tcpClose: false,
      skipInFlight: false,
      moving: new Set<string>(),
      forwarded: new Set<string>(),
      externals: [],
    });
  t.equal(seen(), first, 'the same is seen again');
  t.equal(readdirSync('/proc/self/fd').length, before, 'the agent has no more descriptors than before');
});

void t.test(
  'an empty message that hides, for it was looked at before, is not forgotten',
  { skip },
  async (t) => {
    await using puppets = new Puppets();
    const { dump } = await dumpPuppets(puppets, {
      make: `${helpers}
a, b = pair(socket.SOCK_DGRAM); fd = os.eventfd(1); a.send(b'x'); send(a, b'', fd); opened(a=a, b=b)
`,
    });
    dump();
    t.throws(dump, { code: 'REFUSED', message: /of 1 descriptors in flight in it the kernel shows 0/ });
  },
);

void t.test(
  'what only a process can give back is given back: watches, leases, owners, while the process keeps its record locks',
  { skip },
  async () => {
    await roundTrip({
      make: `${helpers}
open(path('f'), 'w').write('content'); held = os.open(path('f'), os.O_RDWR)
open(path('g'), 'w').write('leased'); lease = os.open(path('g'), os.O_RDONLY); fcntl.fcntl(lease, fcntl.F_SETLEASE, fcntl.F_RDLCK)
same_file = os.open(path('f'), os.O_RDONLY); fcntl.fcntl(lease, 10, signal.SIGRTMIN + 2)
x, y = pair(); fcntl.fcntl(x, fcntl.F_SETOWN, os.getpid()); fcntl.fcntl(x, 10, signal.SIGRTMIN + 3); fcntl.fcntl(x, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
ep = select.epoll(); ep.register(y.fileno(), select.EPOLLIN | select.EPOLLET); inner = select.epoll(); ep.register(inner.fileno(), select.EPOLLIN); inner.register(x.fileno(), select.EPOLLOUT)
ino = libc.inotify_init(); os.mkdir(path('w')); wd = libc.inotify_add_watch(ino, path('w').encode(), 0x100)
a, b = pair(socket.SOCK_SEQPACKET); send(a, b'all', lease, same_file, x.fileno(), y.fileno(), ep.fileno(), inner.fileno(), ino)
keep.update(numbers=[y.fileno(), inner.fileno(), x.fileno()], wd=wd, held=held)
for s in (x, y, ep, inner): s.close()
for fd in (lease, same_file, ino): os.close(fd)
fcntl.lockf(held, fcntl.LOCK_EX | fcntl.LOCK_NB, 3, 1); opened(a=a, b=b)
`,
      check: `${helpers}
held, wd, (ny, ninner, nx) = keep.pop('held'), keep.pop('wd'), keep.pop('numbers'); inherit()
expect('numbers', sorted([held, a.fileno(), b.fileno()]), numbers())
other = os.fork()
if other == 0:
    mine = os.open(path('f'), os.O_RDWR)
    try: fcntl.lockf(mine, fcntl.LOCK_EX | fcntl.LOCK_NB, 3, 1)
    except OSError: os._exit(0)
    os._exit(1)
expect('the record lock is held', 0, os.waitpid(other, 0)[1])
data, lease, same_file, x, y, ep, inner, ino = receive(b)
expect('lease', fcntl.F_RDLCK, fcntl.fcntl(lease, fcntl.F_GETLEASE))
expect('signal of the lease', signal.SIGRTMIN + 2, fcntl.fcntl(lease, 11))
expect('signal of x', signal.SIGRTMIN + 3, fcntl.fcntl(x, 11)); expect('flags of x', os.O_ASYNC | os.O_NONBLOCK, fcntl.fcntl(x, fcntl.F_GETFL) & (os.O_ASYNC | os.O_NONBLOCK))
ep = select.epoll.fromfd(ep); expect('inner is ready', [(ninner, select.EPOLLIN)], ep.poll(0)); inner = select.epoll.fromfd(inner); expect('x is writable', [(nx, select.EPOLLOUT)], inner.poll(0))
signal.signal(signal.SIGRTMIN + 3, signal.SIG_IGN); x = sock(x); x.send(b'1'); expect('both are ready', [ninner, ny], sorted([fd for fd, _ in ep.poll(0)], key=lambda n: n != ninner))
os.close(os.open(path('w/new'), os.O_CREAT | os.O_WRONLY)); expect('watch', wd, struct.unpack('i', os.read(ino, 4096)[:4])[0])
`,
    });
  },
);

void t.test('a source that was looked at receives everything when it runs on', { skip }, async (t) => {
  await using puppets = new Puppets();
  const { refs, dump } = await dumpPuppets(puppets, {
    make: `${helpers}
def check():
    expect('nothing more in the way of numbers', before, numbers())
    for s in (b, d, f):
        received = [receive(s, 4), receive(s), receive(s), receive(s)]; expect('messages', [b'data', b'one', b'two', b'more'], [m[0] for m in received])
        expect('descriptors', [0, 1, 2, 0], [len(m) - 1 for m in received]); expect('shared', True, same(received[1][1], received[2][2]) and same(received[2][1], fd))
        s.setblocking(False); fails('nothing more', errno.EAGAIN, lambda: s.recv(1)); expect('no offset', -1, s.getsockopt(socket.SOL_SOCKET, 42))
def go_on(*_):
    try: check(); write('result0', 'ok')
    except BaseException: write('result0', traceback.format_exc())
    os._exit(0)
fd = os.eventfd(3); alone = os.eventfd(4); sockets = [pair(kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET)]
for s, _ in sockets: s.send(b'data'); send(s, b'one', alone); send(s, b'two', fd, alone); s.send(b'more')
os.close(alone); (a, b), (c, d), (e, f) = sockets; before = numbers()
globals().update(locals()); signal.signal(signal.SIGCONT, go_on)
`,
  });
  dump();
  const pid = refs[0]?.pid ?? 0;
  for (let i = 0; i < 5; i++) dump();
  process.kill(pid, 'SIGCONT');
  t.equal(await puppets.result(), 'ok');
});

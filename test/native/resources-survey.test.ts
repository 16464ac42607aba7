// What the survey says of open files that cannot be carried: object, reason and remedy, all at once.
import t from 'tap';
import { Puppets, pythonMissing } from '../helpers/open-file-puppets.ts';
import { dumpPuppets } from '../helpers/open-file-trip.ts';

const skip = await pythonMissing();

const cases: readonly { readonly what: string; readonly make: string; readonly reason: RegExp }[] = [
  {
    what: 'a write lease',
    make: `fd = os.open(path('a'), os.O_RDWR | os.O_CREAT); fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)`,
    reason: /write lease/,
  },
  {
    what: 'a terminal that nobody has opened yet',
    make: `fd = os.open('/dev/ptmx', os.O_RDWR | os.O_NOCTTY)`,
    reason: /nobody has opened its other end/,
  },
  {
    what: 'a terminal of which something waits that can be read only once',
    make: `import pty, termios; m, fd = pty.openpty(); fcntl.ioctl(m, termios.TIOCPKT, struct.pack('i', 1)); termios.tcflush(fd, termios.TCIFLUSH)`,
    reason: /status of packet mode/,
  },
  {
    what: 'an inotify instance with unread events',
    make: `fd = libc.inotify_init(); libc.inotify_add_watch(fd, directory.encode(), 0x100); open(path('a'), 'w').close()`,
    reason: /has not read/,
  },
  {
    what: 'an inotify instance that watches a deleted file',
    make: `open(path('a'), 'w').close(); f = os.open(path('a'), os.O_RDONLY); fd = libc.inotify_init(); libc.inotify_add_watch(fd, path('a').encode(), 2); os.unlink(path('a'))`,
    reason: /no path leads to/,
  },
  {
    what: 'an io_uring',
    make: `fd = libc.syscall(425, 4, ctypes.create_string_buffer(120)); assert fd >= 0`,
    reason: /io_uring/,
  },
  { what: 'a pidfd of a stranger', make: `fd = os.pidfd_open(os.getppid())`, reason: /outside the tree/ },
  {
    what: 'a netlink socket of a protocol that is not carried',
    make: `s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 2)`,
    reason: /netlink of protocol 2/,
  },
  {
    what: 'a packet socket',
    make: `s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)`,
    reason: /packet/,
  },
  {
    what: 'a packet socket',
    make: `s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)`,
    reason: /packet/,
  },
  { what: 'a namespace', make: `fd = os.open('/proc/self/ns/net', os.O_RDONLY)`, reason: /namespace/ },
  {
    what: 'a file of another process in /proc',
    make: `fd = os.open('/proc/1/stat', os.O_RDONLY)`,
    reason: /\/proc or \/sys/,
  },
  {
    what: 'something in flight that cannot be carried',
    make: `a, b = socket.socketpair(); s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 2); socket.send_fds(a, [b'x'], [s.fileno()]); s.close()`,
    reason: /netlink/,
  },
  {
    what: 'a filtered TCP socket',
    make: `s = socket.socket(socket.AF_INET, socket.SOCK_STREAM); b = ctypes.create_string_buffer(struct.pack('HBBI', 6, 0, 0, 0xffff)); s.setsockopt(1, 26, struct.pack('HxxxxxxQ', 1, ctypes.addressof(b)))`,
    reason: /filter/,
  },
];

for (const { what, make, reason } of cases) {
  void t.test(`the survey refuses ${what}, with a reason and a remedy`, { skip }, async (t) => {
    await using puppets = new Puppets();
    const { refs, blockers, dump } = await dumpPuppets(puppets, {
      make: `${make}\nglobals().update(locals())`,
    });
    t.ok(blockers.length > 0, 'something stands in the way');
    for (const blocker of blockers) {
      t.match(blocker.object, new RegExp(`^pid ${refs[0]?.pid ?? 0} fd \\d+ \\(.+\\)$`));
      t.ok(blocker.remedy.length > 10);
    }
    t.ok(
      blockers.some((blocker) => reason.test(blocker.reason)),
      JSON.stringify(blockers),
    );
    t.throws(dump, { code: 'REFUSED' }, 'the dump refuses it too');
  });
}

void t.test('a pipe held by somebody outside is refused with the name of the holder', { skip }, async (t) => {
  await using puppets = new Puppets();
  const { blockers } = await dumpPuppets(puppets, {
    make: `
r, w = os.pipe()
pid = orphan()
if pid == 0:
    os.close(r); libc.prctl(15, b'holder', 0, 0, 0)
    while True: signal.pause()
os.close(w); time.sleep(0.1); keep.update(other=pid)
`,
  });
  puppets.adopt(Number(puppets.keep()['other']));
  t.match(blockers, [{ object: /pipe:/, reason: /^pid \d+ \(holder\), outside the tree/ }]);
});

void t.test('a peer outside the tree is refused with its name', { skip }, async (t) => {
  await using puppets = new Puppets();
  const { blockers, dump } = await dumpPuppets(puppets, {
    make: `
a, b = socket.socketpair(); globals().update(a=a)
pid = orphan()
if pid == 0:
    a.close(); libc.prctl(15, b'peer', 0, 0, 0)
    while True: signal.pause()
b.close(); time.sleep(0.1); keep.update(other=pid)
`,
  });
  puppets.adopt(Number(puppets.keep()['other']));
  t.match(blockers, [{ object: /socket:/, reason: /pid \d+ \(peer\), outside the tree/ }]);
  t.throws(dump, { code: 'REFUSED' });
});

void t.test('everything is listed at once, and what can be carried is not', { skip }, async (t) => {
  await using puppets = new Puppets();
  const { blockers } = await dumpPuppets(puppets, {
    make: `
globals().update(x=[os.open('/proc/1/stat', os.O_RDONLY), os.open('/dev/null', os.O_RDONLY), os.open('/proc/self/ns/net', os.O_RDONLY), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 2)])
`,
  });
  t.equal(blockers.length, 3);
});

void t.test('an unaccepted connection of a unix listener is refused in the freeze', { skip }, async (t) => {
  await using puppets = new Puppets();
  const { blockers, dump } = await dumpPuppets(puppets, {
    make: `
l = socket.socket(socket.AF_UNIX); l.bind(path('s')); l.listen(3); c = socket.socket(socket.AF_UNIX); c.connect(path('s')); globals().update(l=l, c=c)
`,
  });
  t.same(blockers, []);
  t.throws(dump, { code: 'REFUSED', message: /wait to be accepted|not been accepted/ });
});

void t.test('a thread with a descriptor table of its own is refused', { skip }, async (t) => {
  await using puppets = new Puppets();
  const { blockers } = await dumpPuppets(puppets, {
    make: `
import threading
done = threading.Event()
def run(): libc.unshare(0x400); done.set(); time.sleep(1000)
threading.Thread(target=run, daemon=True).start(); done.wait()
`,
  });
  t.match(blockers, [{ object: /^thread \d+ of process \d+$/, reason: /table of its own/ }]);
});

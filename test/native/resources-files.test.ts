// Files, directories, devices, pipes and memfds: dumped from one process, restored into another, looked at from the inside.
import t from 'tap';
import { pythonMissing } from '../helpers/open-file-puppets.ts';
import { roundTrip } from '../helpers/open-file-trip.ts';

const skip = await pythonMissing();

void t.test('a regular file keeps position, flags, close-on-exec and what shares it', { skip }, async () => {
  await roundTrip({
    make: `
fd = os.open(path('a'), os.O_RDWR | os.O_CREAT, 0o640)
os.write(fd, b'0123456789'); os.lseek(fd, 4, 0)
os.dup2(fd, 7, True); os.dup2(fd, 300, False)
other = os.open(path('a'), os.O_RDONLY); os.lseek(other, 9, 0)
log = os.open(path('log'), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_DSYNC); os.write(log, b'first')
opath = os.open(path('a'), os.O_PATH)
keep.update(fd=fd, other=other, log=log, opath=opath, flags=[fcntl.fcntl(x, fcntl.F_GETFL) for x in (fd, other, log, opath)])
`,
    check: `
fd, other, log, opath = (keep[x] for x in ('fd', 'other', 'log', 'opath'))
expect('flags', keep['flags'], [fcntl.fcntl(x, fcntl.F_GETFL) for x in (fd, other, log, opath)])
expect('content', b'456', os.read(7, 3))
expect('shared offset', 7, os.lseek(fd, 0, 1)); expect('shared by the high number', 7, os.lseek(300, 0, 1))
expect('offset of the other', 9, os.lseek(other, 0, 1))
expect('inheritable', [False, True, False], [os.get_inheritable(x) for x in (fd, 7, 300)])
os.lseek(log, 0, 0); os.write(log, b'second')
expect('appended', 'firstsecond', read('log'))
expect('open numbers', sorted([fd, 7, 300, other, log, opath]), numbers())
`,
  });
});

void t.test(
  'two processes share one offset, and a third open of the file has its own',
  { skip },
  async () => {
    await roundTrip({
      forked: ['child'],
      make: `
fd = os.open(path('a'), os.O_RDWR | os.O_CREAT, 0o640); os.write(fd, b'0123456789'); os.lseek(fd, 2, 0)
keep.update(fd=fd)
pid = os.fork()
if pid == 0: freeze()
own = os.open(path('a'), os.O_RDONLY); os.lseek(own, 2, 0)
keep.update(own=own, child=pid)
`,
      check: `
if number == 0:
    os.lseek(keep['fd'], 5, 0); write('moved', 'x')
    expect('its own', 2, os.lseek(keep['own'], 0, 1))
else:
    while not os.path.exists(path('moved')): time.sleep(0.01)
    expect('shared with the parent', 5, os.lseek(keep['fd'], 0, 1))
    expect('numbers', [keep['fd']], numbers())
`,
    });
  },
);

void t.test('a flock held by the source until its end is taken afterwards', { skip }, async () => {
  await roundTrip({
    sourceStays: true,
    make: `fd = os.open(path('a'), os.O_RDWR | os.O_CREAT, 0o640); fcntl.flock(fd, fcntl.LOCK_EX); keep.update(fd=fd)`,
    check: `
other = os.open(path('a'), os.O_RDWR)
fails('flock', errno.EAGAIN, lambda: fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB))
fcntl.flock(keep['fd'], fcntl.LOCK_UN)
fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
`,
  });
});

void t.test('a file with another name left is found by that name', { skip }, async () => {
  await roundTrip({
    make: `
fd = os.open(path('a'), os.O_RDWR | os.O_CREAT, 0o640); os.write(fd, b'still here')
os.link(path('a'), path('b')); os.unlink(path('a')); keep.update(fd=fd)
`,
    check: `expect('inode', os.stat(path('b')).st_ino, os.fstat(keep['fd']).st_ino); expect('offset', 10, os.lseek(keep['fd'], 0, 1))`,
  });
});

void t.test('a directory goes on where it was read to; devices are what they were', { skip }, async () => {
  await roundTrip({
    make: `
os.mkdir(path('d'))
for i in range(200): os.close(os.open(path('d/%d' % i), os.O_CREAT | os.O_WRONLY))
fd = os.open(path('d'), os.O_RDONLY | os.O_DIRECTORY)
buffer = ctypes.create_string_buffer(1024)
seen = []
def entries(fd):
    n = libc.syscall(217, fd, buffer, 1024); at = 0; names = []
    while at < n:
        length = struct.unpack_from('H', buffer, at + 16)[0]
        names.append(buffer.raw[at + 19:at + length].split(b'\\0')[0].decode()); at += length
    return names
seen += entries(fd)
keep.update(fd=fd, seen=seen, position=os.lseek(fd, 0, 1), null=os.open('/dev/null', os.O_RDWR), zero=os.open('/dev/zero', os.O_RDONLY),
  info=os.open('/proc/meminfo', os.O_RDONLY))
os.read(keep['info'], 10)
`,
    check: `
buffer = ctypes.create_string_buffer(1024); names = []
while True:
    n = libc.syscall(217, keep['fd'], buffer, 1024); at = 0
    if n <= 0: break
    while at < n:
        length = struct.unpack_from('H', buffer, at + 16)[0]
        names.append(buffer.raw[at + 19:at + length].split(b'\\0')[0].decode()); at += length
expect('entries', 202, len(set(names + keep['seen']))); expect('none twice', 202, len(names + keep['seen']))
expect('zero', b'\\0' * 4, os.read(keep['zero'], 4)); expect('null', b'', os.read(keep['null'], 4))
expect('position in /proc/meminfo', 10, os.lseek(keep['info'], 0, 1))
`,
  });
});

void t.test('a pipe keeps data, capacity and flags, between processes too', { skip }, async () => {
  await roundTrip({
    forked: ['child'],
    make: `
r, w = os.pipe2(os.O_CLOEXEC); os.write(w, bytes(range(256)) * 256); fcntl.fcntl(w, 1031, 1 << 17)
r2, w2 = os.pipe2(os.O_NONBLOCK)
r3, w3 = os.pipe(); os.write(w3, b'last words'); os.close(w3)
r4, w4 = os.pipe(); os.close(r4)
extra = os.open('/proc/self/fd/%d' % r, os.O_RDONLY)
keep.update(r=r, w=w, r2=r2, w2=w2, r3=r3, w4=w4, extra=extra)
pid = os.fork()
if pid == 0:
    os.close(r); os.close(extra); freeze()
os.close(w); os.close(w2)
keep.update(child=pid)
`,
    check: `
g = keep
if number == 0:
    expect('capacity', 1 << 17, fcntl.fcntl(g['r'], 1032))
    expect('data', bytes(range(256)) * 256, os.read(g['r'], 1 << 16))  # the child may have written its own behind it
    expect('the other end', b'from the child', os.read(g['extra'], 100))
    expect('last words', b'last words', os.read(g['r3'], 100)); expect('the end', b'', os.read(g['r3'], 100))
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    fails('nobody reads', errno.EPIPE, lambda: os.write(g['w4'], b'x'))
    expect('non-blocking', os.O_NONBLOCK, fcntl.fcntl(g['r2'], fcntl.F_GETFL) & os.O_NONBLOCK)
    expect('blocking', 0, fcntl.fcntl(g['r'], fcntl.F_GETFL) & os.O_NONBLOCK)
    fails('empty', errno.EAGAIN, lambda: os.read(g['r2'], 1))
    expect('numbers', sorted(g[x] for x in ('r', 'r2', 'r3', 'w4', 'extra')), numbers())
else:
    os.write(g['w'], b'from the child')
    while not os.path.exists(path('result0')): time.sleep(0.01)
`,
  });
});

void t.test('packets of a pipe stay packets', { skip }, async () => {
  await roundTrip({
    make: `
r, w = os.pipe2(os.O_DIRECT | os.O_NONBLOCK)
for text in (b'one', b'three', b'x' * 4096): os.write(w, text)
keep.update(r=r, w=w, flags=[fcntl.fcntl(x, fcntl.F_GETFL) for x in (r, w)])
`,
    check: `
r, w = keep['r'], keep['w']
expect('flags', keep['flags'], [fcntl.fcntl(x, fcntl.F_GETFL) for x in (r, w)])
expect('packets', [b'one', b'three', b'x' * 4096], [os.read(r, 9000) for i in range(3)])
os.write(w, b'a'); os.write(w, b'b'); expect('still packets', b'a', os.read(r, 10))
`,
  });
});

for (const sourceStays of [true, false]) {
  void t.test(
    `a FIFO keeps its data ${sourceStays ? 'once, though source and target share it' : ''}`,
    { skip },
    async () => {
      await roundTrip({
        sourceStays,
        make: `
os.mkfifo(path('fifo'))
both = os.open(path('fifo'), os.O_RDWR); r = os.open(path('fifo'), os.O_RDONLY | os.O_NONBLOCK); os.write(both, b'queued')
keep.update(both=both, r=r)
`,
        check: `
expect('data', b'queued', os.read(keep['r'], 100))
w = os.open(path('fifo'), os.O_WRONLY | os.O_NONBLOCK); os.write(w, b'by name')
expect('by its name', b'by name', os.read(keep['both'], 100))
`,
      });
    },
  );
}

void t.test('O_ASYNC keeps its owner and signal', { skip }, async () => {
  await roundTrip({
    make: `
r, w = os.pipe()
fcntl.fcntl(r, fcntl.F_SETOWN, os.getpid()); fcntl.fcntl(r, 10, signal.SIGUSR2); fcntl.fcntl(r, fcntl.F_SETFL, 0o20000)
keep.update(r=r, w=w, pid=os.getpid(), flags=fcntl.fcntl(r, fcntl.F_GETFL))
`,
    check: `
expect('flags', keep['flags'], fcntl.fcntl(keep['r'], fcntl.F_GETFL)); expect('signal', signal.SIGUSR2, fcntl.fcntl(keep['r'], 11))
`,
  });
});

void t.test('two thousand descriptors with high numbers and all sorts come back', { skip }, async () => {
  await roundTrip({
    make: `
fds = [libc.eventfd(i, 0o4000) for i in range(1000)]
for i in range(500): os.dup2(fds[i], 3000 + i, False)
pairs = [socket.socketpair() for i in range(250)]; globals().update(pairs=pairs)
for i, (a, b) in enumerate(pairs): a.send(b'%d' % i)
keep.update(fds=fds, pairs=[[a.fileno(), b.fileno()] for a, b in pairs])
`,
    check: `
expect('counters', list(range(1000)), [int([l.split()[1] for l in open('/proc/self/fdinfo/%d' % fd) if l.startswith('eventfd-count')][0], 16) for fd in keep['fds']])
for i in range(1, 500): os.read(3000 + i, 8)
expect('shared', ['0'] * 499, [[l.split()[1] for l in open('/proc/self/fdinfo/%d' % fd) if l.startswith('eventfd-count')][0] for fd in keep['fds'][1:500]])
for i, (a, b) in enumerate(keep['pairs']): expect('pair', b'%d' % i, os.read(b, 10))
expect('how many', 2000, len(numbers()))
`,
  });
});

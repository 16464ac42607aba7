// epoll, eventfd, timerfd, signalfd and memfd: dumped from one process, restored into another, looked at from the inside.
import { closeSync } from 'node:fs';
import t from 'tap';
import { probeEventfd } from '../../src/source/resources/eventfd-probe.ts';
import { eventfd as eventfdDriver } from '../../src/target/resources/eventfd.ts';
import { wound } from '../../src/target/resources/timerfd.ts';
import { readFdInfo } from '../../src/kernel/proc/fdinfo.ts';
import { Program } from '../../src/kernel/program.ts';
import { runLocal } from '../../src/kernel/local-program.ts';
import { pythonMissing } from '../helpers/open-file-puppets.ts';
import { roundTrip } from '../helpers/open-file-trip.ts';

const skip = await pythonMissing();

const calls = `
def eventfd(count, flags=0): return libc.eventfd(count, flags)
def timerfd(clock=1, first=0.0, interval=0.0, flags=0):
    fd = libc.timerfd_create(clock, 0o4000)
    set_timer(fd, first, interval, flags); return fd
def set_timer(fd, first, interval, flags=0):
    value = struct.pack('qqqq', int(interval), int(interval % 1 * 1e9), int(first), int(first % 1 * 1e9))
    expect('timerfd_settime', 0, libc.timerfd_settime(fd, flags, value, None))
def u64(fd): return struct.unpack('Q', os.read(fd, 8))[0]
def info(fd): return open('/proc/self/fdinfo/%d' % fd).read()
def watched(fd): return sorted(l.split()[1:6:2] for l in info(fd).splitlines() if l.startswith('tfd'))
EPOLLONESHOT = 1 << 30
`;

void t.test('eventfds keep counter, semaphore form and flags', { skip }, async () => {
  await roundTrip({
    make: `${calls}
keep.update(a=eventfd(5, 0o4000), s=eventfd(3, 0o4001), big=eventfd(0, 0o4000), zero=eventfd(0))
os.write(keep['big'], struct.pack('Q', 0xfffffffffffffff0))
`,
    check: `${calls}
expect('counter', 5, u64(keep['a'])); expect('semaphore', [1, 1, 1], [u64(keep['s']) for i in range(3)])
fails('empty', errno.EAGAIN, lambda: u64(keep['s'])); expect('large', 0xfffffffffffffff0, u64(keep['big']))
expect('blocking', 0, fcntl.fcntl(keep['zero'], fcntl.F_GETFL) & 0o4000)
`,
  });
});

void t.test(
  'an epoll keeps what it watches: level, edge, one-shot, used up, nested, data',
  { skip },
  async () => {
    await roundTrip({
      make: `${calls}
ep = select.epoll(); inner = select.epoll()
r, w = os.pipe2(os.O_NONBLOCK); r2, w2 = os.pipe2(os.O_NONBLOCK); os.write(w2, b'x')
r3, w3 = os.pipe2(os.O_NONBLOCK)
e = eventfd(1, 0o4000); quiet = eventfd(0, 0o4000)
for fd, events in ((r, 1), (w, 4 | (1 << 31)), (r2, 1 | EPOLLONESHOT), (e, 1), (quiet, 1), (r3, 1 | EPOLLONESHOT)): ep.register(fd, events)
inner.register(quiet, 1); ep.register(inner.fileno(), 1)
ep.poll(0)
keep.update(ep=ep.fileno(), inner=inner.fileno(), r=r, w=w, r2=r2, w2=w2, e=e, quiet=quiet, watched=watched(ep.fileno()))
globals().update(hold=(ep, inner))
`,
      check: `${calls}
expect('watched', keep['watched'], watched(keep['ep']))
ep = select.epoll.fromfd(keep['ep'])
got = dict(ep.poll(0)); expect('ready', 1, got.get(keep['e'])); expect('used up', None, got.get(keep['r2'])); expect('quiet', None, got.get(keep['quiet']))
os.write(keep['quiet'], struct.pack('Q', 1)); got = dict(ep.poll(0))
expect('now loud', [1, 1], [got.get(keep['quiet']), got.get(keep['inner'])])
ep.modify(keep['r2'], 1); expect('armed again', 1, dict(ep.poll(0)).get(keep['r2']))
`,
    });
  },
);

void t.test(
  'an epoll keeps a watch whose number was closed, or taken by another file',
  { skip },
  async () => {
    await roundTrip({
      make: `${calls}
ep = select.epoll(); a = eventfd(0, 0o4000); b = eventfd(0, 0o4000)
ep.register(a, 1); ep.register(b, 1)
a2 = os.dup(a); b2 = os.dup(b); os.close(a); os.close(b); other = eventfd(7); expect('number taken', a, other)
keep.update(ep=ep.fileno(), a=a, b=b, a2=a2, b2=b2, watched=watched(ep.fileno())); globals().update(hold=ep)
`,
      check: `${calls}
expect('watched', keep['watched'], watched(keep['ep'])); ep = select.epoll.fromfd(keep['ep'])
expect('quiet', [], ep.poll(0))
os.write(keep['a2'], struct.pack('Q', 1)); expect('renumbered', [(keep['a'], 1)], ep.poll(0))
os.write(keep['b2'], struct.pack('Q', 1)); expect('closed', [(keep['a'], 1), (keep['b'], 1)], sorted(ep.poll(0)))
expect('the other file', 7, u64(keep['a']))
expect('numbers', sorted(keep[x] for x in ('ep', 'a', 'a2', 'b2')), sorted(set(numbers()) - {ep.fileno()} | {keep['ep']}))
`,
    });
  },
);

void t.test('a timerfd goes on where it was, and counts what it missed', { skip }, async () => {
  await roundTrip({
    elapsed: 5_000_000_000n,
    make: `${calls}
keep.update(far=timerfd(first=1000.5), periodic=timerfd(first=0.001, interval=100), missed=timerfd(first=2, interval=2),
  off=timerfd(), expired=timerfd(first=0.001), wall=timerfd(clock=0, first=time.time() + 500, flags=1))
time.sleep(0.05)
`,
    check: `${calls}
def left(fd):
    value = ctypes.create_string_buffer(32); libc.timerfd_gettime(fd, value); i, ins, f, fns = struct.unpack('qqqq', value.raw); return f + fns / 1e9
def near(what, wanted, got):
    if not wanted - 60 < got <= wanted: raise Exception('%s: expected about %s got %s' % (what, wanted, got))
near('far', 995.5, left(keep['far'])); near('periodic', 95, left(keep['periodic'])); expect('its tick', 1, u64(keep['periodic']))
expect('expired once', 1, u64(keep['expired'])); expect('off', 0, left(keep['off']))
if u64(keep['missed']) < 2: raise Exception('missed expirations')
near('wall', 500, left(keep['wall']) ); expect('clock', True, 'clockid: 0' in info(keep['wall'])); expect('absolute', True, 'settime flags: 01' in info(keep['wall']))
`,
  });
});

t.test('winding a timer on counts whole periods', (t) => {
  const timer = { remaining: 30n, interval: 100n, ticks: 2n };
  t.same(wound(timer, 29n), { remaining: 1n, ticks: 2n });
  t.same(wound(timer, 30n), { remaining: 100n, ticks: 3n });
  t.same(wound(timer, 335n), { remaining: 95n, ticks: 6n });
  t.same(wound({ ...timer, interval: 0n }, 31n), { remaining: 0n, ticks: 3n });
  t.same(wound({ ...timer, remaining: 0n }, 999n), { remaining: 0n, ticks: 2n });
  t.end();
});

void t.test('a signalfd keeps its mask', { skip }, async () => {
  await roundTrip({
    make: `
mask = struct.pack('Q', 1 << (signal.SIGUSR2 - 1) | 1 << 40)
keep.update(fd=libc.syscall(289, -1, mask, 8, 0o4000))
`,
    check: `
expect('mask', '%016x' % (1 << (signal.SIGUSR2 - 1) | 1 << 40), [l.split()[1] for l in open('/proc/self/fdinfo/%d' % keep['fd']) if l.startswith('sigmask')][0])
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2]); os.kill(os.getpid(), signal.SIGUSR2)
expect('a signal', signal.SIGUSR2, struct.unpack_from('I', os.read(keep['fd'], 128))[0])
`,
  });
});

void t.test('descriptors of a memfd share the object and keep their positions', { skip }, async () => {
  const agentFd = makeMemfd('hello world');
  await roundTrip({
    make: `
import mmap
fd = os.memfd_create('x'); os.write(fd, b'0123456789'); os.lseek(fd, 3, 0)
again = os.open('/proc/self/fd/%d' % fd, os.O_RDONLY); m = mmap.mmap(fd, 10); globals().update(m=m)
keep.update(fd=fd, again=again)
`,
    check: `
os.write(keep['fd'], b'abc'); expect('through the other', b'hela', os.read(keep['again'], 4)); expect('position', 6, os.lseek(keep['fd'], 0, 1))
fails('read only', errno.EBADF, lambda: os.write(keep['again'], b'x'))
expect('one object', os.fstat(keep['fd']).st_ino, os.fstat(keep['again']).st_ino)
`,
    objects: () => ({
      objectOf: () => 4,
      objectFd: () => agentFd,
    }),
  });
  closeSync(agentFd);
});

function makeMemfd(text: string): number {
  const program = new Program();
  const fd = program.call('memfd_create', program.cstring('y'), 1);
  const content = Buffer.from(text);
  program.call('write', fd, program.bytes(content), content.length);
  return runLocal(program).number(fd);
}

for (const semaphore of [true, false]) {
  for (const count of [0n, 1n, 2n, 7n]) {
    t.test(
      `probing tells a ${semaphore ? 'semaphore' : 'counter'} of ${count} and leaves it as it was`,
      (t) => {
        const fd = eventfdDriver.open(
          { kind: 'eventfd', count, semaphore },
          undefined as never,
          undefined as never,
        );
        t.equal(probeEventfd(fd, count), semaphore);
        t.equal(countOf(fd), count);
        closeSync(fd);
        t.end();
      },
    );
  }
}

function countOf(fd: number): bigint {
  return readFdInfo('self', fd)?.eventfd?.count ?? -1n;
}

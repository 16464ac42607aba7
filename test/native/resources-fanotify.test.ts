// fanotify groups: dumped from one process, restored into another, looked at from the inside; what is refused, and what the target says.
import t from 'tap';
import type { ResourceImage } from '../../src/images/resources/registry.ts';
import { readStatus } from '../../src/kernel/proc/status.ts';
import { closeLocal } from '../../src/kernel/socket-facts.ts';
import { checkFanotify } from '../../src/target/check/fanotify.ts';
import { makeGroup } from '../../src/target/fanotify-group.ts';
import { Puppets, pythonMissing } from '../helpers/open-file-puppets.ts';
import { dumpPuppets, roundTrip } from '../helpers/open-file-trip.ts';

type Group = ResourceImage<'fanotify'>;

const skip = await pythonMissing();

const calls = `
libc.fanotify_mark.argtypes = [ctypes.c_int, ctypes.c_uint, ctypes.c_uint64, ctypes.c_int, ctypes.c_char_p]
def group(flags=0, events=0):
    fd = libc.fanotify_init(flags, events); assert fd >= 0, os.strerror(ctypes.get_errno()); return fd
def try_mark(fd, flags, mask, name, at=-100): return 0 if libc.fanotify_mark(fd, 1 | flags, mask, at, None if name is None else path(name).encode()) == 0 else ctypes.get_errno()
def mark(*given): expect('fanotify_mark', 0, try_mark(*given))
def shown(fd): return [l for l in open('/proc/self/fdinfo/%d' % fd) if l.startswith('fanotify')]
def touch(name): os.close(os.open(path(name), os.O_CREAT | os.O_WRONLY))
def masks(fd):
    os.set_blocking(fd, False)
    try: data = os.read(fd, 65536)
    except BlockingIOError: return []
    found = []
    while data:
        length, mask, f = struct.unpack_from('I4xQi', data); data = data[length:]; found.append(mask)
        if f >= 0: os.close(f)
    return found
`;

void t.test('marks keep flags, masks, order and what only their flags remember', { skip }, async () => {
  await roundTrip({
    make: `${calls}
for name in ('a', 'b', 'c', 'd'): touch(name)
os.symlink('a', path('link')); os.mkdir(path('dir'))
g = group(0x30); keep.update(g=g)
mark(g, 0x200, 2, 'a'); mark(g, 4, 0x20, 'link'); mark(g, 0, 0x48000020, 'dir'); mark(g, 0x440, 0x40000008, 'dir')
mark(g, 0, 2, 'b'); mark(g, 0x60, 8, 'b'); expect('taken away', 0, libc.fanotify_mark(g, 0x62, 8, -100, path('b').encode()))
mark(g, 0x20, 1, 'c'); keep.update(nothing=os.open(path('nothing'), os.O_CREAT | os.O_RDONLY)); mark(g, 0x20, 2, 'nothing')
f = os.open(path('nothing'), os.O_WRONLY); os.write(f, b'x'); os.close(f)
n = group(0xe00); mark(n, 0, 2, 'd'); strict = group(0x1e00); mark(strict, 0, 2, 'd'); mark(strict, 0, 0x10000100, 'dir'); keep.update(n=n, strict=strict)
keep.update(shown={fd: [l for l in shown(keep[fd]) if 'mask:0 ignored_mask:0' not in l] for fd in ('g', 'n', 'strict')})
`,
    check: `${calls}
for fd in ('g', 'n', 'strict'): expect('fdinfo of ' + fd, keep['shown'][fd], shown(keep[fd]))
expect('silence', [[], [], []], [masks(keep[fd]) for fd in ('g', 'n', 'strict')])
f = os.open(path('a'), os.O_WRONLY); os.write(f, b'x'); expect('a change', [2], masks(keep['g']))
touch('dir/new'); os.rename(path('dir/new'), path('dir/old')); expect('names', [0x100, 0x10000000], masks(keep['strict']))
`,
  });
});

void t.test('a group in flight keeps its marks, and a group of mounts hears of them', { skip }, async () => {
  await roundTrip({
    make: `${calls}
touch('a'); g = group(2); mark(g, 0, 2, 'a')
mounts = libc.fanotify_init(0x4000, 0) # Linux 6.14
if mounts >= 0:
    m = os.open('/proc/self/ns/mnt', os.O_RDONLY); mark(mounts, 0x110, 0x3000000, None, m); os.close(m)
    keep.update(mounts=mounts, shown=shown(mounts))
a, b = socket.socketpair(); socket.send_fds(a, [b'x'], [g]); os.close(g); keep.update(a=a.fileno(), b=b.fileno()); globals().update(a=a, b=b)
`,
    check: `${calls}
_, (g,), _, _ = socket.recv_fds(sock(keep['b']), 1, 1)
expect('silence', [], masks(g)); f = os.open(path('a'), os.O_WRONLY); os.write(f, b'x'); expect('a change', [2], masks(g))
if 'mounts' in keep: expect('mounts', keep['shown'], shown(keep['mounts'])); expect('silence', [], masks(keep['mounts']))
`,
  });
});

const refused: readonly { readonly what: string; readonly make: string; readonly reason: RegExp }[] = [
  {
    what: 'unread events',
    make: `touch('a'); g = group(); mark(g, 0, 0x20, 'a'); os.close(os.open(path('a'), 0))`,
    reason: /has not read/,
  },
  {
    what: 'a mark on a deleted file',
    make: `g = group(); f = os.open(path('a'), os.O_CREAT | os.O_RDONLY); mark(g, 0, 2, 'a'); os.unlink(path('a'))`,
    reason: /no path leads to what it watches \(fanotify ino:/,
  },
  {
    what: 'a mark on a pipe',
    make: `r, w = os.pipe(); g = group(); mark(g, 0, 2, None, r)`,
    reason: /no path leads to what it watches/,
  },
  {
    what: 'a mark that decides',
    make: `os.mkdir(path('d')); g = group(4); mark(g, 0, 0x40010000, 'd')`,
    reason: /decides who may open or read/,
  },
  {
    what: 'a mark that ignores a file until it is modified, which is open for writing',
    make: `touch('a'); g = group(); mark(g, 0x20, 1, 'a'); f = os.open(path('a'), os.O_WRONLY)`,
    reason: /has that file open for writing/,
  },
];

for (const { what, make, reason } of refused) {
  void t.test(`refused with reason and remedy: ${what}`, { skip }, async (t) => {
    await using puppets = new Puppets();
    const { blockers, dump } = await dumpPuppets(puppets, {
      make: `${calls}\n${make}\nglobals().update(locals())`,
    });
    t.match(blockers, [{ object: /\(anon_inode:\[fanotify\]\)$/, reason, remedy: /\w{3}/ }]);
    t.throws(dump, { code: 'REFUSED', message: reason });
  });
}

void t.test('making a group without a capability leaves the agent what it has', { skip }, (t) => {
  const before = readStatus('self')?.capEff;
  const fd = makeGroup({ flags: 0xe01, eventFlags: 0, unprivileged: true });
  t.ok(fd >= 0, 'it is made');
  t.equal(makeGroup({ flags: 0x1, eventFlags: 0, unprivileged: true }), -1, 'EPERM: the capability was away');
  t.equal(readStatus('self')?.capEff, before);
  closeLocal(fd);
  t.end();
});

void t.test('the check of the target names what it lacks', { skip }, (t) => {
  const check = (change: Partial<Group>, ...marks: Group['marks']): ReturnType<typeof checkFanotify> => {
    const plain: Group = { kind: 'fanotify', flags: 0x1, eventFlags: 0, unprivileged: false, marks };
    return checkFanotify({ fanotify: [{ object: 'it', group: { ...plain, ...change } }] });
  };
  const on = (kind: 'inode' | 'mount' | 'filesystem', path: string, mask = 2): Group['marks'][number] => ({
    ...{ object: { on: kind, path }, flags: 0, ignored: 0, mask },
  });
  t.same(check({}, on('inode', '/'), on('mount', '/'), on('filesystem', '/'), on('inode', '/not/there')), []);
  const unknown = check({ flags: 0x4000_0000 });
  t.match(unknown, [{ side: 'target', object: 'it', reason: /knows no such groups: EINVAL/ }]);
  t.match(check({ unprivileged: true }), [{ reason: /takes CAP_SYS_ADMIN/, remedy: /as root/ }]);
  t.match(check({}, on('mount', '/usr/bin/env')), [{ reason: /nothing is mounted there/ }]);
  t.match(check({}, on('inode', '/', 0x0080_0000)), [{ reason: /does not take the mark on \/: EINVAL/ }]);
  t.end();
});

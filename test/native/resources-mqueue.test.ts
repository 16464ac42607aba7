// POSIX message queues: dumped from one process, restored into another, looked at from the inside; what is refused; names that are taken.
import { closeSync } from 'node:fs';
import t from 'tap';
import type { OpenFile } from '../../src/images/state.ts';
import { Keeper } from '../../src/kernel/keeper.ts';
import { openNonblock, openQueue, unlinkQueue } from '../../src/kernel/message-queues.ts';
import { surveyOpenFiles } from '../../src/source/open-files.ts';
import { readDescriptors } from '../../src/source/resources/seen-file.ts';
import { checkMessageQueues } from '../../src/target/check/message-queues.ts';
import { mqueue } from '../../src/target/resources/mqueue.ts';
import type { OpenContext } from '../../src/target/resources/driver.ts';
import { UndoLog } from '../../src/target/resources/undo-log.ts';
import { newId, nothingLeft, ownFolders, unlessFences } from '../helpers/keeper-bed.ts';
import { Puppets, pythonMissing } from '../helpers/open-file-puppets.ts';
import { dumpPuppets, roundTrip } from '../helpers/open-file-trip.ts';
import { TestQueue } from '../helpers/queues.ts';

const folders = ownFolders();
const skip = (await pythonMissing()) || unlessFences();
t.after(folders.remove);
const name = (of: string): string => `/godwit-test-${process.pid}-${of}`;

const calls = `
RD, WR, RW, CREAT, EXCL, NONBLOCK = 0, 1, 2, 0o100, 0o200, 0o4000
def mq(name, flags, most=4, size=32):
    fd = libc.mq_open(name.encode(), flags, 0o600, struct.pack('8q', 0, most, size, 0, 0, 0, 0, 0))
    if fd < 0: raise OSError(ctypes.get_errno(), name)
    return fd
def gone(name): expect('mq_unlink', 0, libc.mq_unlink(name.encode()))
def send(fd, priority, text): expect('mq_send', 0, libc.mq_send(fd, text, len(text), priority))
def receive(fd, size=32):
    room = ctypes.create_string_buffer(size); priority = ctypes.c_uint()
    got = libc.mq_receive(fd, room, size, ctypes.byref(priority))
    return None if got < 0 else [priority.value, room.raw[:got].decode()]
def notify(fd, how, signo=0, value=0):
    return libc.mq_notify(fd, struct.pack('QiiQQ', value, signo, how, 0, 0) + bytes(32))
def status(fd): return os.pread(fd, 100, 0).decode().split()
`;

void t.test('queues with and without names, their messages, flags and registrations', { skip }, async (t) => {
  const id = newId();
  const keeper = await Keeper.start({ role: 'source', id });
  t.teardown(() => {
    unlinkQueue(name('named'));
  });
  await roundTrip(
    {
      make: `${calls}
named = mq('${name('named')}', RW | CREAT | EXCL); send(named, 2, b'two'); send(named, 9, b'nine'); send(named, 2, b'again')
again = mq('${name('named')}', RD | NONBLOCK); twin = os.dup(again); os.lseek(again, 6, 0)
os.fchmod(named, 0o624); os.fchown(named, 12, 34)
bare = mq('${name('bare')}', RW | CREAT | EXCL, 1, 8); gone('${name('bare')}'); send(bare, 0, b'')
heir = mq('${name('bare')}', RD | NONBLOCK | CREAT | EXCL); gone('${name('bare')}')
expect('mq_notify', 0, notify(heir, 1)); expect('mq_notify', 0, notify(named, 1))
keep.update(named=named, again=again, twin=twin, bare=bare, heir=heir)
`,
      check: `${calls}
named, again, twin, bare, heir = [keep[n] for n in ('named', 'again', 'twin', 'bare', 'heir')]
about = os.fstat(named)
expect('owner and mode', (12, 34, 0o100624, 1), (about.st_uid, about.st_gid, about.st_mode, about.st_nlink))
expect('flags', [RW, RD | NONBLOCK, RD | NONBLOCK], [fcntl.fcntl(fd, fcntl.F_GETFL) for fd in (named, again, twin)])
expect('position', [6, 6, 0], [os.lseek(fd, 0, 1) for fd in (again, twin, named)])
mine = 'NOTIFY_PID:%d' % os.getpid()
expect('registered, empty', ['QSIZE:0', 'NOTIFY:1', 'SIGNO:0', mine], status(heir))
expect('registered, not empty', ['QSIZE:12', 'NOTIFY:1', 'SIGNO:0', mine], status(named))
expect('messages', [[9, 'nine'], [2, 'two'], [2, 'again'], None], [receive(again) for i in range(4)])
expect('without a name', [0, 0], [os.fstat(fd).st_nlink for fd in (bare, heir)])
expect('its link', '${name('bare')} (deleted)', os.readlink('/proc/self/fd/%d' % bare))
expect('the empty message', [0, ''], receive(bare, 8)); expect('nothing', None, receive(heir))
`,
      messages: (fd) => keeper.messages(fd),
      beforeRestore: () => {
        unlinkQueue(name('named')); // the keeper of a real source removes it at the end
      },
    },
    ({ dumped }) => {
      const queues = dumped.openFiles.flatMap(({ resource }) =>
        resource.kind === 'mqueue' ? [resource] : [],
      );
      t.same(
        queues.map(({ content }) => content?.messages.length),
        [3, undefined, 1, 0],
        'one open file of a queue carries it',
      );
    },
  );
  await keeper.abort();
  await keeper.close();
  await nothingLeft(id);
});

void t.test('what is refused, and that a look changes nothing', { skip }, async (t) => {
  t.teardown(() => {
    for (const one of ['held', 'told', 'threaded', 'quiet']) unlinkQueue(name(one));
  });
  await using puppets = new Puppets();
  const { refs, blockers } = await dumpPuppets(puppets, {
    make: `${calls}
held, told, threaded, quiet = [mq('${name('')}' + n, RW | CREAT | EXCL) for n in ('held', 'told', 'threaded', 'quiet')]
for fd in (held, told, quiet): send(fd, 1, b'x')
expect('signal', 0, notify(told, 0, 10, 77)); expect('nothing', 0, notify(quiet, 1))
expect('thread', 0, notify(threaded, 2)) # the C library makes a thread for it, and a socket
with open('eighty', 'w') as file: file.write('x' * 80)
keep.update(file=os.open('eighty', os.O_RDONLY), told=told)
`,
  });
  t.match(blockers, [
    { object: /told/, reason: /waits for signal 10 at its next message .* does not show the value/ },
    { object: /threaded/, reason: /in a thread \(mq_notify\), of which a netlink socket is told/ },
  ]);
  t.equal(blockers.length, 2, JSON.stringify(blockers));
  const held = openQueue(name('held'), openNonblock);
  const [first] = surveyOpenFiles(refs, {
    tcpClose: false,
    skipInFlight: false,
    moving: new Set<string>(),
    forwarded: new Set<string>(),
    externals: [],
  });
  t.match(first, {
    object: /held/,
    reason: /^pid \d+ \(.*\), outside the tree, holds this message queue too/,
  });
  closeSync(held);
  t.same(
    surveyOpenFiles(refs, {
      tcpClose: false,
      skipInFlight: false,
      moving: new Set<string>(),
      forwarded: new Set<string>(),
      externals: [],
    }),
    blockers,
    'again, for a look takes nothing',
  );
  const [pid] = refs.map((ref) => ref.pid);
  const files = readDescriptors({ pid: pid ?? 0, vpid: 1 });
  t.same(
    files.filter((file) => file.isMessageQueue).map(({ link }) => link.slice(name('').length)),
    ['held', 'told', 'threaded', 'quiet'],
    'a file of the same length is none',
  );
});

const content = {
  ...{ maxMessages: 4, messageSize: 32, uid: 12, gid: 34, mode: 0o600, readAt: 0n, writtenAt: 0n },
  messages: [],
};

/** Opens a queue as the target does. */
function openAll(queue: Partial<{ unlinked: boolean; messageSize: number }>, undo: UndoLog): void {
  const resource = {
    ...{
      kind: 'mqueue' as const,
      queue: 7n,
      name: name('one'),
      unlinked: queue.unlinked ?? false,
      position: 0n,
    },
    content: { ...content, messageSize: queue.messageSize ?? 32 },
  };
  const file: OpenFile = { id: 0, flags: 2, resource };
  const later: number[] = [];
  const context: Partial<OpenContext> = {
    openFiles: [file],
    undo,
    shared: (_key, make) => make(),
    closeLater: (fd) => void later.push(fd),
  };
  const fd = mqueue.open(resource, file, context as OpenContext);
  for (const one of [fd, ...later]) closeSync(one);
}

void t.test('names that are taken on the target, and the way back', { skip }, (t) => {
  const wanted = { name: name('one'), unlinked: false, maxMessages: 4, messageSize: 32, uid: 12 };
  const check = (change: Partial<typeof wanted> = {}) =>
    checkMessageQueues({ messageQueues: [{ ...wanted, ...change }] });
  t.same(check(), []);
  t.match(check({ maxMessages: 65_536 }), [
    { reason: /queues of 65536 messages of 32 bytes are not allowed|as much room/ },
  ]);
  const undo = new UndoLog();
  openAll({}, undo);
  t.ok(TestQueue.isThere(name('one')));
  undo.undo();
  t.notOk(TestQueue.isThere(name('one')), 'the migration was given up');

  const other = new TestQueue(name('one'));
  t.match(check(), [{ object: `message queue ${name('one')}`, reason: /its name is taken here/ }]);
  t.same(check({ unlinked: true }), [], 'one without a name needs none');
  t.throws(
    () => {
      openAll({}, undo);
    },
    { code: 'REFUSED', message: /its name is taken here/ },
  );
  undo.undo();
  t.ok(TestQueue.isThere(name('one')), "somebody else's stays");
  openAll({ unlinked: true }, undo);
  t.same(undo.steps, [], 'nothing is left to take back');
  other[Symbol.dispose]();
  openAll({}, undo);
  undo.commit();
  undo.undo();
  t.ok(TestQueue.isThere(name('one')), 'after COMMIT it is the tree that has it');
  unlinkQueue(name('one'));
  t.end();
});

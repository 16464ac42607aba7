// What waits in a POSIX message queue: the keeper looks at it without losing it, whoever dies meanwhile, and takes names back.
import { closeSync, fstatSync, futimesSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { Keeper } from '../../src/kernel/keeper.ts';
import {
  openNonblock,
  openQueue,
  openReadWrite,
  queueStatus,
  unlinkQueue,
} from '../../src/kernel/message-queues.ts';
import { KilledAgent } from '../helpers/keeper-agent.ts';
import { newId, nothingLeft, ownFolders, unlessFences } from '../helpers/keeper-bed.ts';
import { shown, TestQueue } from '../helpers/queues.ts';

const folders = ownFolders();
const skip = unlessFences();
t.after(folders.remove);
const kills = Number(process.env['GODWIT_QUEUE_KILLS'] ?? 8);
const name = (of: string): string => `/godwit-test-${process.pid}-${of}`;

t.test('what waits is seen in its order, and stays', { skip }, async (t) => {
  const id = newId();
  const keeper = await Keeper.start({ role: 'source', id });
  using queue = new TestQueue(name('seen'));
  t.same(keeper.messages(queue.fd), [], 'nothing waits');
  const sent: [number, string][] = [
    [0, 'low'],
    [5, 'first of five'],
    [5, ''],
    [32_767, 'highest'],
    [5, 'third of five'],
    [0, 'x'.repeat(64)],
  ];
  for (const [priority, text] of sent) queue.send(priority, text);
  futimesSync(queue.fd, 1_000_000_001, 1_000_000_002);
  const before = fstatSync(queue.fd);
  const expected = sent.toSorted(([a], [b]) => b - a);
  for (let i = 0; i < 5; i++) t.same(shown(keeper.messages(queue.fd)), expected, `look ${i}`);
  const { atimeMs, mtimeMs } = fstatSync(queue.fd);
  t.same([atimeMs, mtimeMs], [before.atimeMs, before.mtimeMs], 'when it was used');
  t.same(queueStatus(queue.fd), { bytes: sent.join('').replace(/\d+,/g, '').length, notify: undefined });

  const blocking = openQueue(queue.name, openReadWrite);
  const readOnly = openQueue(queue.name, openNonblock);
  for (const fd of [blocking, readOnly]) {
    t.throws(
      () => keeper.messages(fd),
      { code: 'KEEPER' },
      'the keeper does not wait, nor takes what it could not give back',
    );
    closeSync(fd);
  }
  t.same(shown(keeper.messages(queue.fd)), expected);
  await keeper.abort();
  await keeper.close();
  t.ok(await nothingLeft(id));
});

t.test('a full queue of long messages', { skip }, async (t) => {
  const id = newId();
  const keeper = await Keeper.start({ role: 'source', id });
  using queue = new TestQueue(name('full'), 10, 8192);
  const expected = Array.from({ length: 10 }, (_, i): [number, string] => [3, String(i).repeat(8192)]);
  for (const [priority, text] of expected) queue.send(priority, text);
  for (let i = 0; i < 20; i++) t.same(shown(keeper.messages(queue.fd)), expected);
  await keeper.abort();
  await keeper.close();
  t.ok(await nothingLeft(id));
});

t.test(
  'an agent killed at any moment loses nothing',
  { skip, timeout: 60_000 + kills * 20_000 },
  async (t) => {
    using queue = new TestQueue(name('killed'), 10, 8192);
    const expected = Array.from({ length: 9 }, (_, i): [number, string] => [
      9 - (i >> 1),
      String(i).repeat(7000),
    ]);
    for (const [priority, text] of expected) queue.send(priority, text);
    let looks = 0;
    for (let i = 0; i < kills; i++) {
      const agent = new KilledAgent();
      const id = newId();
      await agent.do('start', { role: 'source', id });
      looks += await agent.do('look', queue.name, 3); // compiled, and warm
      void agent.do('look', queue.name, 1_000_000).catch(() => undefined);
      await sleep(Math.random() * 20);
      await agent.kill();
      t.ok(await nothingLeft(id), 'the keeper has done its work and is gone');
      const keeper = await Keeper.start({ role: 'source', id: newId() });
      t.same(shown(keeper.messages(queue.fd)), expected, `kill ${i}`);
      await keeper.abort();
      await keeper.close();
    }
    t.equal(looks, 3 * kills);
  },
);

t.test('names that a target has made go when it gives up, others stay', { skip }, async (t) => {
  const id = newId();
  const keeper = await Keeper.start({ role: 'target', id });
  const [made, dropped] = [name('made'), name('dropped')];
  keeper.undoName({ kind: 'mqueue', name: made });
  const forgotten = keeper.undoName({ kind: 'mqueue', name: dropped });
  using one = new TestQueue(made);
  using other = new TestQueue(dropped);
  keeper.drop(forgotten);
  t.throws(() => keeper.undoName({ kind: 'mqueue', name: other.name }), { cause: { errno: 17 } }, 'taken');
  keeper.undoName({ kind: 'mqueue', name: name('never made') });
  await keeper.abort();
  await keeper.close();
  await nothingLeft(id);
  t.notOk(TestQueue.isThere(one.name));
  t.ok(TestQueue.isThere(other.name));
});

t.test(
  'names that a tree leaves behind go at the end, unless they are others by then',
  { skip },
  async (t) => {
    const id = newId();
    const keeper = await Keeper.start({ role: 'source', id });
    const [left, again] = [name('left'), name('again')];
    using one = new TestQueue(left);
    const first = new TestQueue(again);
    keeper.removeQueueAtEnd(one.fd, left);
    keeper.removeQueueAtEnd(first.fd, again);
    unlinkQueue(again);
    using second = new TestQueue(again);
    keeper.word.change('OPEN', 'FENCED');
    keeper.word.change('FENCED', 'COMMITTED');
    t.ok(TestQueue.isThere(left));
    await keeper.finish();
    await keeper.close();
    await nothingLeft(id);
    closeSync(first.fd);
    t.notOk(TestQueue.isThere(left), 'the tree has left it');
    t.ok(TestQueue.isThere(second.name), 'somebody has made it since');
  },
);

t.test('an abort leaves the names of the tree', { skip }, async (t) => {
  const id = newId();
  const keeper = await Keeper.start({ role: 'source', id });
  using queue = new TestQueue(name('stays'));
  keeper.removeQueueAtEnd(queue.fd, queue.name);
  await keeper.abort();
  await keeper.close();
  await nothingLeft(id);
  t.ok(TestQueue.isThere(queue.name));
});

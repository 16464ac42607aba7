import t from 'tap';
import { maxPagePayload } from '../../../src/transport/limits.ts';
import { encodeAck } from '../../../src/transport/page-ack.ts';
import type { PageFrame } from '../../../src/transport/page-frame.ts';
import { PageSender } from '../../../src/transport/page-sender.ts';
import { checksum, connected, info, page, readEitherWay, sendFilled } from './page-pair.ts';
import type { Pair } from './page-pair.ts';
import { websocketPair } from './pair.ts';

readEitherWay('frames are written in order, and flush waits for the last of them', async (t) => {
  const seen: string[] = [];
  const { sender, receiver } = await connected(t, (frame) => {
    seen.push(`${frame.sequence}:${frame.payload.length}:${frame.payload[0] ?? 'none'}`);
  });
  for (let i = 1; i <= 50; i++) await sendFilled(sender, (i % 3) + 1, i);
  t.equal(sender.sendZero(info(100_000)), 51);
  await sender.flush();
  t.equal(sender.lastAcked, 51);
  t.equal(receiver.lastApplied, 51);
  t.equal(receiver.bytesReceived, sender.bytesSent);
  t.same(seen.slice(0, 2).concat(seen.slice(-2)), ['1:8192:1', '2:12288:2', '50:12288:50', '51:0:none']);
});

readEitherWay('a handler that takes its time holds the sender back, and order is kept', async (t) => {
  const order: number[] = [];
  let inside = 0;
  let most = 0;
  const { sender } = await connected(
    t,
    async (frame: PageFrame) => {
      most = Math.max(most, ++inside);
      const first = frame.payload[0];
      await new Promise((resolve) => setTimeout(resolve, 2));
      t.equal(frame.payload[0], first, 'the payload is stable while it is being written');
      order.push(frame.sequence);
      inside--;
    },
    2,
  );
  for (let i = 1; i <= 30; i++) await sendFilled(sender, 256, i);
  await sender.flush();
  t.equal(most, 1, 'one frame at a time');
  t.same(
    order,
    Array.from({ length: 30 }, (_, i) => i + 1),
  );
});

void t.test('no more blocks are on their way than the pool has', async (t) => {
  const { sender, receiverEnd } = await connected(t, () => undefined, 3);
  receiverEnd.ws.pause();
  let taken = 0;
  const filling = (async (): Promise<void> => {
    for (let i = 0; i < 40; i++) {
      await sendFilled(sender, 256, i);
      taken++;
    }
  })();
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.ok(taken < 40, `${taken} blocks left before the sender had to wait`);
  receiverEnd.ws.resume();
  await filling;
  await sender.flush();
  t.equal(sender.lastAcked, 40);
});

readEitherWay('the target waits for the frames that a round consists of', async (t) => {
  const { sender, receiver } = await connected(t, () => undefined);
  const third = receiver.applied(3);
  for (let i = 0; i < 4; i++) await sendFilled(sender, 1, i);
  await third;
  t.ok(receiver.lastApplied >= 3);
  await receiver.applied(4);
  const stop = new AbortController();
  const fifth = receiver.applied(5, stop.signal);
  stop.abort(new Error('stop'));
  await t.rejects(fifth, { message: 'stop' });
});

readEitherWay('a handler that fails ends the connection, and both who wait learn it', async (t) => {
  const { sender, receiver, problems } = await connected(t, (frame) => {
    if (frame.sequence === 2) throw new Error('no such shell');
  });
  const applied = t.rejects(receiver.applied(9), { code: 'INTERNAL', message: 'no such shell' });
  await sendFilled(sender, 1, 1);
  await sendFilled(sender, 1, 2);
  await t.rejects(sender.flush(), { code: 'PEER' });
  await applied;
  t.equal(problems.length, 1);
  await t.rejects(sender.acquire(), { code: 'PEER' });
});

readEitherWay('a frame that is lost, repeated or damaged ends the migration', async (t) => {
  const cases: [string, (pair: Pair) => void, { code: string; message?: RegExp }][] = [
    ['damaged', ({ sender, senderEnd }) => {
      const original = senderEnd.ws.send.bind(senderEnd.ws) as (data: Buffer) => void;
      senderEnd.ws.send = (data: unknown) => {
        (data as Buffer)[(data as Buffer).length - page] = 0xee;
        original(data as Buffer);
      };
      void sendFilled(sender, 1, 1);
    }, { code: 'PROTOCOL', message: /damaged/ }],
    ['lost', ({ sender, senderEnd }) => {
      const original = senderEnd.ws.send.bind(senderEnd.ws) as (data: Buffer) => void;
      senderEnd.ws.send = () => { senderEnd.ws.send = original; };
      void sendFilled(sender, 1, 1).then(async () => sendFilled(sender, 1, 2));
    }, { code: 'PROTOCOL', message: /frame 2 came where 1 was due/ }],
    ['repeated', ({ sender, senderEnd }) => {
      const original = senderEnd.ws.send.bind(senderEnd.ws) as (data: Buffer) => void;
      senderEnd.ws.send = (data: unknown) => { original(data as Buffer); original(data as Buffer); };
      void sendFilled(sender, 1, 1);
    }, { code: 'PROTOCOL', message: /frame 1 came where 2 was due/ }],
    ['text', ({ senderEnd }) => { senderEnd.ws.send('pages'); }, { code: 'PROTOCOL', message: /text/ }],
    ['garbage', ({ senderEnd }) => { senderEnd.ws.send(Buffer.alloc(100, 0xff)); }, { code: 'PROTOCOL' }],
    ['too large', ({ senderEnd }) => { senderEnd.ws.send(Buffer.alloc(2 * maxPagePayload)); }, { code: 'LIMIT' }],
  ]; // prettier-ignore
  for (const [name, act, expected] of cases) {
    const pair = await connected(t, () => undefined);
    act(pair);
    await t.rejects(pair.receiver.applied(1000), expected, name);
    t.match(pair.problems, [expected], name);
  }
});

void t.test('an acknowledgement of what was never sent is a broken rule', async (t) => {
  const { sender, receiverEnd } = await connected(t, () => undefined);
  receiverEnd.ws.send(encodeAck(1));
  await new Promise((resolve) => {
    sender.ended.addEventListener('abort', resolve);
  });
  t.match(sender.ended.reason, { code: 'PROTOCOL' });
});

readEitherWay('a second connection goes on where the first was cut', async (t) => {
  const first = await connected(t, () => undefined);
  await sendFilled(first.sender, 1, 1);
  await first.sender.flush();
  first.sender.terminate();
  const { client: second } = await websocketPair(
    t,
    'pages',
    ({ ws, socket }) => new PageSender(ws, socket, { checksum, lastSequence: first.sender.lastAcked }),
    ({ ws, socket }) => {
      first.receiver.attach(ws, socket);
    },
  );
  t.equal(await sendFilled(second, 1, 2), 2);
  await second.flush();
  t.equal(first.receiver.lastApplied, 2);
  t.same(first.problems, []);
});

void t.test('a block that is not sent can be given back', async (t) => {
  const { sender } = await connected(t, () => undefined, 1);
  const block = await sender.acquire();
  const next = sender.acquire();
  sender.release(block);
  t.equal(await next, block);
});

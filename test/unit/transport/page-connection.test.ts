import { randomBytes } from 'node:crypto';
import t from 'tap';
import type { Test } from 'tap';
import type { GodwitError } from '../../../src/errors.ts';
import { compress, expander } from '../../../src/kernel/page-codec.ts';
import type { Codec, Compression } from '../../../src/transport/codec.ts';
import { maxPagePayload } from '../../../src/transport/limits.ts';
import { encodeAck } from '../../../src/transport/page-ack.ts';
import type { PageFrame, PageFrameInfo } from '../../../src/transport/page-frame.ts';
import { PageReceiver } from '../../../src/transport/page-receiver.ts';
import type { PageHandler } from '../../../src/transport/page-receiver.ts';
import { PageSender } from '../../../src/transport/page-sender.ts';
import type { PageSenderOptions } from '../../../src/transport/page-sender.ts';
import { TokenBucket } from '../../../src/transport/token-bucket.ts';
import { websocketPair } from './pair.ts';
import type { End } from './pair.ts';

const page = 4096;
const expand = expander(maxPagePayload);
/** Cheap and good enough to notice a changed byte. */
const checksum = (payload: Uint8Array): bigint => {
  let sum = 0;
  for (let i = 0; i < payload.length; i += 997) sum = (sum * 31 + (payload[i] ?? 0)) % 2 ** 31;
  return BigInt(sum);
};

function info(pages: number, start = 0): PageFrameInfo {
  return { round: 0, space: 7, kind: 'space', runs: Float64Array.of(start, pages * page), runCount: 1 };
}

interface Pair {
  readonly sender: PageSender;
  readonly receiver: PageReceiver;
  readonly problems: GodwitError[];
  readonly senderEnd: End;
  readonly receiverEnd: End;
}

async function connected(
  t: Test,
  handler: PageHandler,
  blocks = 8,
  options: Partial<PageSenderOptions> = {},
): Promise<Pair> {
  const problems: GodwitError[] = [];
  const receiver = new PageReceiver({
    checksum,
    expand,
    handler,
    onProblem: (error) => problems.push(error),
  });
  const { client, clientEnd, serverEnd } = await websocketPair(
    t,
    'pages',
    ({ ws, socket }) => new PageSender(ws, socket, { checksum, blocks, ...options }),
    ({ ws, socket }) => {
      receiver.attach(ws, socket);
    },
  );
  return { sender: client, receiver, problems, senderEnd: clientEnd, receiverEnd: serverEnd };
}

async function sendFilled(sender: PageSender, pages: number, fill: number): Promise<number> {
  const block = await sender.acquire();
  block.payload.subarray(0, pages * page).fill(fill);
  return sender.send(block, info(pages));
}

void t.test('frames are written in order, and flush waits for the last of them', async (t) => {
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

void t.test('a handler that takes its time holds the sender back, and order is kept', async (t) => {
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

void t.test('the target waits for the frames that a round consists of', async (t) => {
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

void t.test('a handler that fails ends the connection, and both who wait learn it', async (t) => {
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

void t.test('a frame that is lost, repeated or damaged ends the migration', async (t) => {
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

void t.test('a second connection goes on where the first was cut', async (t) => {
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

/** Takes the codecs in turn; how long one takes is different each time. */
function inTurn(turns: readonly Codec[]): Compression {
  let turn = 0;
  return {
    choose: () => turns[turn++ % turns.length] ?? 'none',
    compress: async (codec, from, into) => {
      await new Promise((resolve) => setTimeout(resolve, (turn * 7) % 5));
      return compress(codec, from, into);
    },
  };
}

void t.test('compressed, plain and zero frames leave in order, whatever each of them takes', async (t) => {
  const seen: string[] = [];
  const compression = inTurn(['zstd', 'none', 'lz4', 'lz4']);
  const { sender, receiver, problems } = await connected(
    t,
    ({ sequence, payload, zero }) => {
      const same = payload.every((byte) => byte === payload[0]);
      seen.push(`${sequence}:${payload.length / page}:${zero ? 'zero' : (payload[0] ?? '')}:${same}`);
    },
    4,
    { compression },
  );
  const expected: string[] = [];
  for (let i = 1; i <= 60; i++) {
    if (i % 10 === 0) {
      t.equal(sender.sendZero(info(7)), i);
      expected.push(`${i}:0:zero:true`);
    } else {
      t.equal(await sendFilled(sender, (i % 5) + 1, i), i);
      expected.push(`${i}:${(i % 5) + 1}:${i}:true`);
    }
  }
  t.equal(sender.lastSequence, 60, 'a sequence is given before the frame has left');
  await sender.flush();
  t.same(seen, expected);
  t.equal(sender.lastAcked, 60);
  t.equal(receiver.bytesReceived, sender.bytesSent);
  t.same(problems, []);
  const { none, lz4, zstd } = sender.traffic;
  t.ok(lz4.pages > lz4.payload && zstd.pages > zstd.payload && zstd.payload > 0);
  t.equal(none.pages, none.payload);
});

void t.test('what does not shrink leaves as it is', async (t) => {
  const contents: Buffer[] = [];
  const { sender } = await connected(t, ({ payload }) => void contents.push(Buffer.from(payload)), 2, {
    compression: inTurn(['lz4', 'zstd']),
  });
  const sent: Buffer[] = [];
  for (let i = 0; i < 8; i++) {
    const block = await sender.acquire();
    sent.push(randomBytes(16 * page));
    block.payload.set(sent[i] ?? []);
    sender.send(block, info(16));
  }
  await sender.flush();
  t.same(contents, sent);
  t.match(sender.traffic, { none: { pages: 8 * 16 * page }, lz4: { pages: 0 }, zstd: { pages: 0 } });
});

void t.test(
  'a block is free again when its pages are compressed, and no more are taken than there are',
  async (t) => {
    const { sender, receiverEnd } = await connected(t, () => undefined, 3, { compression: inTurn(['lz4']) });
    receiverEnd.ws.pause();
    let compressed = 0;
    const filling = (async (): Promise<void> => {
      for (let i = 0; i < 200; i++) {
        const block = await sender.acquire();
        for (let at = 0; at < block.payload.length; at += 8)
          block.payload.writeUInt32LE((at * (i + 1)) >>> 0, at);
        sender.send(block, info(256));
        compressed++;
      }
    })();
    await new Promise((resolve) => setTimeout(resolve, 300));
    t.ok(compressed < 200, `${compressed} blocks were taken before the sender had to wait`);
    receiverEnd.ws.resume();
    await filling;
    await sender.flush();
    t.equal(sender.lastAcked, 200);
  },
);

void t.test('a compressor that fails ends the connection with its reason', async (t) => {
  const compression: Compression = {
    choose: () => 'lz4',
    compress: () => Promise.reject(new Error('no memory')),
  };
  const { sender } = await connected(t, () => undefined, 2, { compression });
  await sendFilled(sender, 4, 1);
  await t.rejects(sender.flush(), { code: 'INTERNAL', message: 'no memory' });
  await t.rejects(sender.acquire(), { message: 'no memory' });
});

void t.test('a limit holds frames back, in order, until it is lifted', async (t) => {
  let now = 0;
  const limit = new TokenBucket(10 * page, () => now);
  const { sender } = await connected(t, () => undefined, 4, { limit });
  await sendFilled(sender, 20, 1); // more than the bucket holds: all it has, and two seconds of debt
  await sendFilled(sender, 1, 2);
  sender.sendZero(info(3));
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.equal(sender.lastAcked, 1, 'the clock stands still');
  const flushed = sender.flush();
  now = 1000;
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.equal(sender.lastAcked, 1, 'still in debt');
  limit.lift();
  await flushed;
  t.equal(sender.lastAcked, 3);
});

void t.test('an acknowledgement of what has not left is a broken rule', async (t) => {
  const limit = new TokenBucket(page, () => 0);
  const { sender, receiverEnd } = await connected(t, () => undefined, 4, { limit });
  await sendFilled(sender, 1, 1);
  await sendFilled(sender, 1, 2);
  receiverEnd.ws.send(encodeAck(2));
  await t.rejects(sender.flush(), { code: 'PROTOCOL' });
});

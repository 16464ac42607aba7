// Frames that are compressed, or held back by a limit, on their way out: in order, and to the right end.
import { randomBytes } from 'node:crypto';
import t from 'tap';
import { compress } from '../../../src/kernel/page-codec.ts';
import type { Codec, Compression } from '../../../src/transport/codec.ts';
import { encodeAck } from '../../../src/transport/page-ack.ts';
import { TokenBucket } from '../../../src/transport/token-bucket.ts';
import { connected, info, page, sendFilled } from './page-pair.ts';

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

void t.test('departed() waits for what is being compressed, not for the target', async (t) => {
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const compression: Compression = {
    choose: () => 'lz4',
    compress: async (codec, from, into) => {
      await held;
      return compress(codec, from, into);
    },
  };
  const { sender } = await connected(t, async () => new Promise<void>(() => undefined), 2, { compression });
  await sender.departed();
  await sendFilled(sender, 4, 1);
  let hasDeparted = false;
  const departed = sender.departed().then(() => (hasDeparted = true));
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.equal(hasDeparted, false);
  t.equal(sender.bytesSent, 0);
  release();
  await departed;
  t.ok(sender.bytesSent > 0);
  t.equal(sender.lastAcked, 0, 'and the target has written nothing');
  await sendFilled(sender, 4, 2);
  const cut = sender.departed();
  sender.terminate();
  await cut.catch(() => undefined);
  await t.rejects(sender.departed(), { code: 'PEER' });
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

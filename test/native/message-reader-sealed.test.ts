// Sealed messages through the native reader: opened in place, each at its place in the order, and none that was changed.
import { createDecipheriv, randomBytes } from 'node:crypto';
import t from 'tap';
import type { Test } from 'tap';
import { takeOver } from '../../src/kernel/message-reader.ts';
import { sealInto } from '../../src/kernel/seal-into.ts';
import { headRoom, maxPageFrame } from '../../src/transport/limits.ts';
import { runBytes } from '../../src/transport/page-frame.ts';
import { Opener, Sealer, tagBytes } from '../../src/transport/sealing.ts';
import { native } from '../../src/native.ts';
import { websocketPair } from '../unit/transport/pair.ts';

const shape = { room: headRoom, unit: runBytes, most: maxPageFrame };

interface Ends {
  readonly send: (message: Buffer) => void;
  readonly arrived: { readonly message: Buffer; readonly hash: boolean }[];
  readonly forged: () => boolean;
  /** Until so many messages are there, or one was forged. */
  readonly settled: (count: number) => Promise<void>;
}

async function reading(t: Test, key: Buffer): Promise<Ends> {
  const arrived: { message: Buffer; hash: boolean }[] = [];
  let isForged = false;
  const { clientEnd } = await websocketPair(t, 'pages', () => undefined, ({ ws, socket }) => {
    ws.on('error', () => undefined);
    takeOver(
      socket,
      shape,
      (message, done, { from, hash }) => {
        arrived.push({ message: Buffer.from(message), hash: native.xxh3(message.subarray(from)) === hash });
        done();
      },
      {
        key,
        forged: () => {
          isForged = true;
          ws.terminate();
        },
      },
    );
  }); // prettier-ignore
  clientEnd.ws.on('error', () => undefined);
  const settled = async (count: number): Promise<void> => {
    while (arrived.length < count && !isForged) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 20));
  };
  const send = (message: Buffer): void => {
    clientEnd.ws.send(message);
  };
  return { send, arrived, forged: () => isForged, settled };
}

void t.test('messages of all lengths arrive as they were, hashed', async (t) => {
  const key = randomBytes(32);
  const { send, arrived, settled } = await reading(t, key);
  const lengths = [4, 5, 15, 16, 17, 4095, 4096, 65_536, 70_001, 262_144, 1_048_576, maxPageFrame];
  const messages = lengths.map((length) => randomBytes(length));
  const sealer = new Sealer(key, sealInto);
  for (const message of messages) send(Buffer.from(sealer.seal(message)));
  await settled(messages.length);
  t.equal(arrived.length, messages.length);
  for (const [i, { message, hash }] of arrived.entries()) {
    t.ok(messages[i] !== undefined && message.equals(messages[i]), `${message.length} bytes`);
    t.ok(hash, 'its hash is that of what was opened');
  }
});

for (const [what, change] of Object.entries({
  'a bit of the content': (sealed) => void (sealed[50_000] = (sealed[50_000] ?? 0) ^ 1),
  'a bit of the first bytes': (sealed) => void (sealed[2] = (sealed[2] ?? 0) ^ 1),
  'a bit of the tag': (sealed) => void (sealed[sealed.length - 1] = (sealed.at(-1) ?? 0) ^ 128),
  'all of it': (sealed) => void sealed.fill(0),
} satisfies Record<string, (sealed: Buffer) => void>)) {
  void t.test(`${what}: changed on its way it is not told of, nor what follows`, async (t) => {
    const key = randomBytes(32);
    const { send, arrived, forged, settled } = await reading(t, key);
    const sealer = new Sealer(key, sealInto);
    const message = Buffer.alloc(100_000, 5);
    const sealed = [0, 1, 2].map(() => Buffer.from(sealer.seal(message)));
    change(sealed[1] ?? Buffer.alloc(0));
    for (const one of sealed) send(one);
    await settled(3);
    t.equal(arrived.length, 1);
    t.ok(forged());
  });
}

void t.test('left out, repeated, in another order, under another key: the same', async (t) => {
  const key = randomBytes(32);
  const orders: Record<string, number[]> = { 'left out': [0, 2], repeated: [0, 0], exchanged: [1, 0] };
  for (const [what, order] of Object.entries(orders)) {
    const { send, arrived, forged, settled } = await reading(t, key);
    const sealer = new Sealer(key, sealInto);
    const sealed = [0, 1, 2].map((n) => Buffer.from(sealer.seal(Buffer.alloc(9000, n))));
    for (const n of order) send(sealed[n] ?? Buffer.alloc(0));
    await settled(2);
    t.equal(arrived.length, what === 'exchanged' ? 0 : 1, what);
    t.ok(forged(), what);
  }
  const { send, forged, settled } = await reading(t, key);
  send(Buffer.from(new Sealer(randomBytes(32), sealInto).seal(Buffer.alloc(9000))));
  await settled(1);
  t.ok(forged(), 'another key');
});

void t.test('native and Node seal alike', (t) => {
  const key = randomBytes(32);
  for (const length of [0, 1, 15, 16, 4096, 100_000]) {
    const message = randomBytes(length);
    const sealed = Buffer.alloc(length + tagBytes);
    sealInto(key, 0, message, sealed);
    t.ok(new Opener(key).open(sealed)?.equals(message), `${length} bytes`);
  }
  const nonce = Buffer.from('000000000102030405060708', 'hex').subarray(0, 12);
  const sealed = Buffer.alloc(8 + tagBytes);
  sealInto(key, 0x0102_0304_0506, Buffer.from('content!'), sealed);
  nonce.fill(0).writeUIntBE(0x0102_0304_0506, 6, 6);
  const opening = createDecipheriv('aes-256-gcm', key, nonce).setAuthTag(sealed.subarray(8));
  t.equal(String(opening.update(sealed.subarray(0, 8))), 'content!', 'a large counter too');
  opening.final();
  t.throws(() => {
    sealInto(key.subarray(1), 0, nonce, Buffer.alloc(12 + tagBytes));
  }, { name: 'TypeError' });
  t.throws(() => {
    sealInto(key, 0, nonce, Buffer.alloc(12));
  }, { name: 'TypeError' });
  t.end();
}); // prettier-ignore

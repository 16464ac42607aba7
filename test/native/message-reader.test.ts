// Page connections that a native thread reads: whatever is not a whole binary message goes to ws, with all that follows, and nothing is lost.
import { randomBytes } from 'node:crypto';
import t from 'tap';
import { alignedBuffer } from '../../src/kernel/aligned-memory.ts';
import { takeOver } from '../../src/kernel/message-reader.ts';
import { native } from '../../src/native.ts';
import { expander } from '../../src/kernel/page-codec.ts';
import { maxPagePayload } from '../../src/transport/limits.ts';
import { PageReceiver } from '../../src/transport/page-receiver.ts';
import { PageSender } from '../../src/transport/page-sender.ts';
import { websocketPair } from '../unit/transport/pair.ts';
import type { End } from '../unit/transport/pair.ts';
import { connected, page, readEitherWay, sendFilled } from '../unit/transport/page-pair.ts';
import type { Test } from 'tap';

/** The two ends of a connection, and the messages that the thread has read of it (as copies) beside those that ws has. */
async function raw(
  t: Test,
): Promise<{ client: End; server: End; byThread: Buffer[]; byWs: Buffer[]; ended: Promise<number> }> {
  const byThread: Buffer[] = [];
  const byWs: Buffer[] = [];
  let closed: (code: number) => void;
  const ended = new Promise<number>((resolve) => (closed = resolve));
  const { clientEnd, serverEnd } = await websocketPair(t, 'pages', () => undefined, ({ ws, socket }) => {
    ws.on('message', (data) => byWs.push(data as Buffer));
    ws.on('error', () => undefined);
    ws.once('close', (code) => { closed(code); });
    const end = takeOver(socket, { room: 4096, unit: 16, most: 100_000 }, (message, done) => {
      byThread.push(Buffer.from(message));
      done();
    });
    t.ok(end, 'the socket was taken over');
  }); // prettier-ignore
  return { client: clientEnd, server: serverEnd, byThread, byWs, ended };
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let i = 0; !isSo(); i++) {
    if (i === 500) throw new Error(`in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const messages = [4, 5, 125, 126, 127, 65_535, 65_536, 100_000].map((length) => randomBytes(length));

void t.test('messages of all lengths, from a peer that masks and one that does not', async (t) => {
  for (const mask of [randomBytes(4), Buffer.alloc(4)]) {
    const { client, byThread, byWs } = await raw(t);
    for (const message of messages) sendMasked(client, message, mask);
    await until('all messages', () => byThread.length === messages.length);
    t.same(byThread, messages);
    t.same(byWs, []);
  }
});

/** One frame as a client sends it (RFC 6455, section 5.2). */
function sendMasked({ socket }: End, message: Buffer, mask: Buffer, first = 0x82): void {
  const { length } = message;
  const head = length < 126 ? Buffer.of(first, 0x80 | length) : Buffer.alloc(length < 65_536 ? 4 : 10);
  if (length >= 126) {
    head[0] = first;
    head[1] = 0x80 | (length < 65_536 ? 126 : 127);
    if (length < 65_536) head.writeUInt16BE(length, 2);
    else head.writeBigUInt64BE(BigInt(length), 2);
  }
  const body = Buffer.from(message.map((byte, i) => byte ^ (mask[i % 4] ?? 0)));
  for (const part of [head.subarray(0, 1), head.subarray(1), mask, body]) socket.write(part);
}

void t.test('what is no whole binary message goes to ws, and so does all that follows', async (t) => {
  const mask = Buffer.of(1, 2, 3, 4);
  const cases: Readonly<Record<string, (client: End) => Buffer[]>> = {
    'a ping': ({ ws }) => (ws.ping('are you there'), []),
    text: ({ ws }) => (ws.send('text'), [Buffer.from('text')]),
    'a short one': ({ ws }) => (ws.send(Buffer.of(1, 2, 3)), [Buffer.of(1, 2, 3)]),
    'one that is too long for the thread': (client) => {
      const message = randomBytes(100_001);
      sendMasked(client, message, mask);
      return [message];
    },
    fragments: (client) => {
      sendMasked(client, Buffer.from('frag'), mask, 0x02);
      sendMasked(client, Buffer.from('ment'), mask, 0x80);
      return [Buffer.from('fragment')];
    },
  };
  for (const [name, act] of Object.entries(cases)) {
    const { client, byThread, byWs, ended } = await raw(t);
    const ponged = new Promise((resolve) => client.ws.once('pong', resolve));
    for (const message of messages) client.ws.send(message);
    const expected = act(client);
    for (const message of messages) client.ws.send(message);
    await until(`what follows ${name}`, () => byWs.length === expected.length + messages.length);
    t.same(byThread, messages, `${name}: what was before`);
    t.same(byWs, [...expected, ...messages], `${name}: what came then`);
    if (name === 'a ping') await ponged;
    client.ws.close(1000);
    t.equal(await ended, 1000, `${name}: the connection is closed in order`);
  }
});

void t.test('frames that break the rules of WebSocket are refused', async (t) => {
  for (const bytes of ['8f80', 'c281', '82ff8000000000000000', 'ffffffffffff']) {
    const { client, server, byThread } = await raw(t);
    const problem = new Promise<Error>((resolve) => server.ws.once('error', resolve));
    client.socket.write(Buffer.from(bytes + '00'.repeat(16), 'hex'));
    t.match(await problem, { code: /^WS_ERR_/ }, bytes);
    t.same(byThread, []);
  }
});

void t.test('a connection that ends in the midst of a message', async (t) => {
  for (const cut of [1, 3, 9, 13, 17, 5000]) {
    const { client, byThread, byWs, ended } = await raw(t);
    const message = randomBytes(70_000);
    const frame = Buffer.concat([Buffer.of(0x82, 0xff), Buffer.alloc(8), Buffer.alloc(4), message]);
    frame.writeBigUInt64BE(70_000n, 2);
    client.socket.write(frame.subarray(0, cut));
    client.socket.end();
    t.equal(await ended, 1006, `after ${cut} bytes`);
    t.same([...byThread, ...byWs], []);
  }
});

void t.test('this side cuts the connection while the thread waits', async (t) => {
  const { server, client, ended } = await raw(t);
  const gone = new Promise((resolve) => client.ws.once('close', resolve));
  server.ws.terminate();
  await gone;
  t.equal(await ended, 1006);
});

void t.test('without a free block nothing is read', async (t) => {
  const waiting: (() => void)[] = [];
  const { clientEnd } = await websocketPair(t, 'pages', () => undefined, ({ ws, socket }) => {
    ws.on('error', () => undefined);
    takeOver(socket, { room: 4096, unit: 16, most: 1_000_000 }, (_message, done) => waiting.push(done));
  }); // prettier-ignore
  for (let i = 0; i < 40; i++) clientEnd.ws.send(Buffer.alloc(1_000_000));
  await until('some messages', () => waiting.length > 0);
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.equal(waiting.length, 4);
  t.ok(clientEnd.socket.writableLength > 10_000_000, 'the rest has not left');
  for (let i = 0; i < 40; i++) {
    await until('one more', () => waiting.length > i);
    waiting[i]?.();
  }
});

void t.test('pages of a frame lie at the beginning of a page, also of one with 256 runs', async (t) => {
  const problems: Error[] = [];
  const addresses: boolean[] = [];
  const whole = alignedBuffer(page);
  const receiver = new PageReceiver({
    checksum: (payload) => native.xxh3(payload),
    patch: () => undefined,
    expand: expander(maxPagePayload),
    takeOver,
    onProblem: (error) => problems.push(error),
    handler: ({ payload }) => {
      addresses.push(payload.byteOffset % page === whole.byteOffset % page);
    },
  });
  const { client: sender } = await websocketPair(
    t,
    'pages',
    ({ ws, socket }) => new PageSender(ws, socket, { checksum: (payload) => native.xxh3(payload) }),
    ({ ws, socket }) => {
      receiver.attach(ws, socket);
    },
  );
  for (const count of [1, 2, 255, 256]) {
    const block = await sender.acquire();
    block.payload.fill(count);
    const runs = Float64Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? i * page : page));
    sender.send(block, { round: 0, space: 1, kind: 'space', runs, runCount: count });
  }
  await sender.flush();
  t.same(addresses, [true, true, true, true]);
  t.same(problems, []);
});

readEitherWay('many frames of many sizes arrive whole', async (t) => {
  let bytes = 0;
  const { sender, receiver, problems } = await connected(t, ({ payload, sequence }) => {
    bytes += payload.length;
    if (payload.some((byte) => byte !== sequence % 251)) throw new Error(`frame ${sequence} is damaged`);
  });
  let sent = 0;
  for (let i = 1; i <= 300; i++) {
    const pages = (i * 37) % 256 || 1;
    await sendFilled(sender, pages, i % 251);
    sent += pages * page;
  }
  await sender.flush();
  t.same(problems, []);
  t.equal(bytes, sent);
  t.equal(receiver.bytesReceived, sender.bytesSent);
});

// The hash that the native reader makes while it reads spares the receiver one of its own: whatever arrives, both come to the same verdict.
import { randomBytes } from 'node:crypto';
import t from 'tap';
import { takeOver } from '../../src/kernel/message-reader.ts';
import { native } from '../../src/native.ts';
import { headRoom, maxPageFrame } from '../../src/transport/limits.ts';
import { decodePageFrame, encodeInFront, runBytes } from '../../src/transport/page-frame.ts';
import type { Hashed } from '../../src/transport/page-frame.ts';
import { PageBlock } from '../../src/transport/page-block.ts';
import { websocketPair } from '../unit/transport/pair.ts';
import { checksum, expand, page } from '../unit/transport/page-pair.ts';

/** Numbers below `below`, the same ones for a seed (the constants of Numerical Recipes). */
function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function frame(block: PageBlock, pages: number, count: number, next: (below: number) => number): Buffer {
  const payload = block.payload.subarray(0, pages * page);
  payload.fill(next(256), next(pages * page));
  const runs = new Float64Array(2 * count);
  for (let i = 0; i < count; i++) runs.set([2 * i * page, page], 2 * i);
  runs[2 * count - 1] = (pages - count + 1) * page;
  const info = { round: next(9), space: next(4_000_000), kind: next(2) === 0 ? 'space' : 'object', runs, runCount: count } as const;
  const begin = encodeInFront(block.memory, headRoom, info, { sequence: 1 + next(2 ** 31), zero: false, checksum: checksum(payload) });
  return block.memory.subarray(begin, headRoom + payload.length);
} // prettier-ignore

/** What becomes of a message: its content, or what is wrong with it. */
function verdict(message: Buffer, hashed?: Hashed): unknown {
  try {
    const { runs, payload, ...rest } = decodePageFrame(
      message,
      { checksum, expand, patch: () => undefined },
      hashed,
    );
    return { ...rest, runs: [...runs], payload: native.xxh3(payload) };
  } catch (error) {
    return String(error);
  }
}

void t.test('a frame is taken or refused the same with the hash of the reader and without', async (t) => {
  const differing: unknown[] = [];
  let arrived = 0;
  let good = 0;
  let used = 0;
  let told: () => void = () => undefined;
  const { clientEnd } = await websocketPair(t, 'pages', () => undefined, ({ ws, socket }) => {
    ws.on('error', () => undefined);
    takeOver(socket, { room: headRoom, unit: runBytes, most: maxPageFrame }, (message, done, hashed) => {
      const [by, without] = [verdict(message, hashed), verdict(message)];
      if (JSON.stringify(by, bigints) !== JSON.stringify(without, bigints)) differing.push({ by, without });
      if (hashed.hash === checksum(message.subarray(hashed.from))) used++;
      if (typeof without === 'object') good++;
      arrived++;
      done();
      told();
    });
  }); // prettier-ignore
  const block = new PageBlock();
  const most = 400;
  for (let seed = 1; seed <= most; seed++) {
    const next = numbers(seed);
    const pages = 1 + next(next(20) === 0 ? 256 : 8);
    const message = Buffer.from(frame(block, pages, 1 + next(pages), next));
    const cut = next(10) === 0 ? next(message.length) : message.length;
    const front = Math.min(cut, message.length - pages * page);
    for (let i = next(4); i > 0; i--) {
      const at = next(2) === 0 ? next(front) : next(cut);
      message[at] = (message[at] ?? 0) ^ (1 << next(8));
    }
    if (cut < 4) message.writeUInt32LE(next(2 ** 31), 0);
    const sent = message.subarray(0, Math.max(4, cut));
    const mask = next(3) === 0 ? randomBytes(4) : Buffer.alloc(4);
    const head = Buffer.alloc(14);
    head.set([0x82, 0xff]);
    head.writeBigUInt64BE(BigInt(sent.length), 2);
    mask.copy(head, 10);
    const gone = new Promise<void>((resolve) => (told = resolve));
    clientEnd.socket.write(Buffer.concat([head, sent.map((byte, i) => byte ^ (mask[i % 4] ?? 0))]));
    await gone;
  }
  t.same(differing, []);
  t.equal(used, most, 'the hash is that of the bytes that it says it is of');
  t.ok(good > most / 8 && good < most, `${good} of ${arrived} were whole`);
});

function bigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

// Compression of pages (native/sys/codec.cc): what comes back, and what hostile bytes do.
import { randomBytes } from 'node:crypto';
import t from 'tap';
import { compress, expander, sampleCodec, type CodecName } from '../../src/kernel/page-codec.ts';
import { native } from '../../src/native.ts';

const page = 4096;
const codecs: readonly CodecName[] = ['lz4', 'zstd'];
const nothing = Buffer.alloc(0);
const numbers = { lz4: 0, zstd: 1 } as const;

/** Pages as a heap has them: words that repeat, numbers that count. */
function heap(pages: number): Buffer {
  const memory = Buffer.alloc(pages * page);
  for (let at = 0; at < memory.length; at += 32) {
    memory.write(`key:${at % 977}`, at, 'latin1');
    memory.writeUInt32LE(at, at + 24);
  }
  return memory;
}

async function packed(codec: CodecName, from: Uint8Array): Promise<Buffer> {
  const into = Buffer.alloc(from.length);
  return into.subarray(0, await compress(codec, from, into));
}

for (const codec of codecs) {
  await t.test(`${codec}: what was compressed comes back, of any length`, async (t) => {
    const expand = expander(256 * page);
    for (const pages of [1, 2, 17, 256]) {
      const from = heap(pages);
      const small = await packed(codec, from);
      t.ok(small.length > 0 && small.length < from.length / 2, `${from.length} became ${small.length}`);
      t.same(expand(codec, small, from.length), from);
    }
  });

  await t.test(`${codec}: many at once do not disturb each other`, async (t) => {
    const expand = expander(16 * page);
    const all = Array.from({ length: 32 }, (_, i) => Buffer.concat([Buffer.alloc(page, i), heap(i % 15)]));
    const small = await Promise.all(all.map(async (from) => packed(codec, from)));
    for (const [i, from] of all.entries())
      t.ok(from.equals(expand(codec, small[i] ?? from, from.length) ?? nothing), `block ${i}`);
  });

  await t.test(`${codec}: what does not shrink to the room given is 0 bytes`, async (t) => {
    const from = randomBytes(16 * page);
    const room = Buffer.alloc(Math.floor(from.length * 0.9) + 1, 7);
    t.equal(await compress(codec, from, room.subarray(0, -1)), 0);
    t.equal(room.at(-1), 7, 'nothing is written behind the room');
    t.equal(await compress(codec, heap(4), Buffer.alloc(10)), 0);
    t.equal(await compress(codec, heap(4), Buffer.alloc(0)), 0);
  });

  await t.test(`${codec}: only what expands to exactly the length is taken`, async (t) => {
    const expand = expander(256 * page);
    const from = heap(8);
    const small = await packed(codec, from);
    t.equal(expand(codec, small, from.length - page), undefined, 'more comes out');
    t.equal(expand(codec, small, from.length + page), undefined, 'less comes out');
    t.equal(expand(codec, small.subarray(0, -1), from.length), undefined, 'cut off');
    t.equal(expand(codec, Buffer.concat([small, Buffer.of(0)]), from.length), undefined, 'a byte behind it');
    t.equal(expand(codec, Buffer.concat([small, small]), 2 * from.length), undefined, 'two in a row');
    t.equal(expand(codec, Buffer.alloc(0), from.length), undefined, 'nothing');
    t.equal(expand(codec, small, 257 * page), undefined, 'more than the buffer holds');
    const bomb = await packed(codec, Buffer.alloc(256 * page));
    t.ok(bomb.length < 2 * page, `1 MiB in ${bomb.length} bytes`);
    t.equal(expand(codec, bomb, page), undefined, 'a bomb stops at the length');
  });

  await t.test(`${codec}: garbage and mutations write nothing outside, and never crash`, async (t) => {
    const from = heap(8);
    const small = await packed(codec, from);
    const guarded = Buffer.alloc(from.length + 2 * page, 0xa5);
    const into = guarded.subarray(page, page + from.length);
    let taken = 0;
    for (let i = 0; i < 4000; i++) {
      const bytes = i % 4 === 0 ? randomBytes(small.length) : Buffer.from(small);
      for (let hits = i % 4; hits > 0; hits--)
        bytes[Math.floor(Math.random() * bytes.length)] = Math.random() * 256;
      if (native.expand(numbers[codec], bytes, into) === 0) taken++;
    }
    t.ok(guarded.subarray(0, page).every((byte) => byte === 0xa5));
    t.ok(guarded.subarray(page + from.length).every((byte) => byte === 0xa5));
    t.comment(`${taken} of 4000 expand to the length; the checksum tells those`);
  });

  await t.test(`${codec}: a sample tells ratio and speed`, async (t) => {
    const figures = await sampleCodec(codec, heap(32));
    t.ok(figures.ratio > 0 && figures.ratio < 0.5, `ratio ${figures.ratio}`);
    t.ok(Number.isFinite(figures.compressBytesPerSecond) && figures.compressBytesPerSecond > 0);
    t.ok(Number.isFinite(figures.expandBytesPerSecond) && figures.expandBytesPerSecond > 0);
    t.equal((await sampleCodec(codec, randomBytes(32 * page))).ratio > 0.99, true, 'random pages');
  });
}

await t.test('zstd: frames that are to be skipped are refused', async (t) => {
  const from = heap(8);
  const small = await packed('zstd', from);
  const expand = expander(256 * page);
  const skipped = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]);
  t.equal(expand('zstd', Buffer.concat([small, skipped]), from.length), undefined);
  t.equal(expand('zstd', Buffer.concat([skipped, small]), from.length), undefined);
  t.equal(expand('zstd', skipped, from.length), undefined);
});

await t.test('wrong arguments throw, and nothing else happens', (t) => {
  const some = Buffer.alloc(page);
  t.throws(() => native.expand(2, some, some), TypeError);
  t.throws(() => native.expand(0, 'pages' as never, some), TypeError);
  t.throws(() => native.compress(-1, some, some), TypeError);
  t.throws(() => native.compress(0, some, undefined as never), TypeError);
  t.throws(() => native.sampleCodec(9, some), TypeError);
  t.end();
});

import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { AutoCodec, type TryCodec } from '../../../../src/source/page-flow/auto-codec.ts';
import type { Codec } from '../../../../src/transport/codec.ts';

const pages = Buffer.alloc(1 << 20);
const samples = {
  lz4: { ratio: 0.4, compressBytesPerSecond: 1e9, expandBytesPerSecond: 3e9 },
  zstd: { ratio: 0.25, compressBytesPerSecond: 0.6e9, expandBytesPerSecond: 1.3e9 },
};
const tryCodec: TryCodec = async (codec) => Promise.resolve(samples[codec]);

async function run(auto: AutoCodec, frames: number): Promise<Codec[]> {
  const went: Codec[] = [];
  for (let i = 0; i < frames; i++) {
    went.push(auto.next(pages));
    await setImmediate(); // the tries end meanwhile
  }
  return went;
}

void t.test('nothing is compressed until wire and pages are known; then what pays', async (t) => {
  const meter: { bytesPerSecond: number | undefined } = { bytesPerSecond: undefined };
  const auto = new AutoCodec(() => meter.bytesPerSecond, tryCodec, 4);
  t.same(new Set(await run(auto, 40)), new Set(['none']));
  t.match(auto.choice, { codec: 'none', reason: /speed of the wire/ });
  meter.bytesPerSecond = 125e6;
  t.equal((await run(auto, 8)).at(-1), 'zstd');
  meter.bytesPerSecond = 1.25e9;
  t.equal((await run(auto, 8)).at(-1), 'none', 'the wire has become faster');
});

void t.test('some frames go plain whatever was chosen: they show what the wire can do', async (t) => {
  const auto = new AutoCodec(() => 125e6, tryCodec, 4);
  await run(auto, 16);
  const went = await run(auto, 1024);
  const plain = went.filter((codec) => codec === 'none').length;
  t.ok(plain >= 24 && plain <= 40, `${plain} of 1024`);
  t.equal(auto.choice.codec, 'zstd');
});

void t.test('pages are tried often at first, seldom later, in the freeze never', async (t) => {
  let tries = 0;
  const counting: TryCodec = async (codec, piece) => {
    if (codec === 'lz4') tries++;
    t.ok(piece.length <= 128 * 1024);
    return tryCodec(codec, piece);
  };
  const auto = new AutoCodec(() => 125e6, counting, 4);
  await run(auto, 12);
  const early = tries;
  t.ok(early >= 4 && early <= 6, `${early} in the first 12 frames`);
  await run(auto, 320);
  t.ok(tries - early <= 12, `${tries - early} in 320 more`);
  auto.freeze();
  const before = tries;
  const went = await run(auto, 600);
  t.equal(tries, before);
  t.equal(new Set(went).size, 1, 'and no frame goes plain to see how fast it is');
});

void t.test('a codec that cannot be tried is never chosen, and disturbs nothing', async (t) => {
  const auto = new AutoCodec(
    () => 1e6,
    () => Promise.reject(new Error('no memory')),
    4,
  );
  t.same(new Set(await run(auto, 100)), new Set(['none']));
  t.match(auto.choice, { reason: /no pages have been tried/ });
});

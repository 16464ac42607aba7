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

let now = 0;
/** On four cores, with a clock that goes by what each frame takes. */
function flow(
  wireSpeed: () => number | undefined,
  { tryCodec: asked = tryCodec }: { tryCodec?: TryCodec } = {},
): AutoCodec {
  return new AutoCodec({ wireSpeed, tryCodec: asked, cores: 4, now: () => now });
}

async function run(auto: AutoCodec, frames: number, msOfFrame = 1): Promise<Codec[]> {
  const went: Codec[] = [];
  for (let i = 0; i < frames; i++) {
    went.push(auto.next(pages));
    now += msOfFrame;
    await setImmediate(); // the tries end meanwhile
  }
  return went;
}

void t.test('nothing is compressed until wire and pages are known; then what pays', async (t) => {
  const meter: { bytesPerSecond: number | undefined } = { bytesPerSecond: undefined };
  const auto = flow(() => meter.bytesPerSecond);
  t.same(new Set(await run(auto, 40)), new Set(['none']));
  t.match(auto.choice, { codec: 'none', reason: /speed of the wire/ });
  meter.bytesPerSecond = 125e6;
  t.equal((await run(auto, 8)).at(-1), 'zstd');
  meter.bytesPerSecond = 1.25e9;
  t.equal((await run(auto, 8)).at(-1), 'none', 'the wire has become faster');
});

void t.test('some frames go plain whatever was chosen: they show what the wire can do', async (t) => {
  const auto = flow(() => 125e6);
  await run(auto, 16);
  const went = await run(auto, 1024);
  const plain = went.filter((codec) => codec === 'none').length;
  t.ok(plain >= 48 && plain <= 80, `${plain} of 1024`);
  t.equal(auto.choice.codec, 'zstd');
});

void t.test('pages are tried often at first, seldom later, in the freeze never', async (t) => {
  let tries = 0;
  const counting: TryCodec = async (codec, piece) => {
    if (codec === 'lz4') tries++;
    t.ok(piece.length <= 64 * 1024);
    return tryCodec(codec, piece);
  };
  const auto = flow(() => 125e6, { tryCodec: counting });
  await run(auto, 12);
  const early = tries;
  t.ok(early >= 3 && early <= 4, `${early} in the first 12 frames`);
  await run(auto, 320);
  t.ok(tries - early <= 12, `${tries - early} in 320 more`);
  auto.freeze();
  const before = tries;
  const went = await run(auto, 600);
  t.equal(tries, before);
  t.equal(new Set(went.slice(2)).size, 1, 'and no later frame goes plain to see how fast it is');
});

void t.test(
  'in the freeze what the wire takes during the dump goes plain, the rest as it pays',
  async (t) => {
    const auto = flow(() => 250e6);
    await run(auto, 16);
    auto.freeze();
    const went = await run(auto, 8);
    t.same(went.slice(0, 2), ['none', 'none'], '2.5 MB in 10 ms');
    t.same(new Set(went.slice(2)), new Set(['lz4']));
  },
);

void t.test('a codec that cannot be tried is never chosen, and disturbs nothing', async (t) => {
  const auto = flow(() => 1e6, { tryCodec: () => Promise.reject(new Error('no memory')) });
  t.same(new Set(await run(auto, 100)), new Set(['none']));
  t.match(auto.choice, { reason: /no pages have been tried/ });
});

void t.test('a codec that gains nothing is left, for a while, and the report says why', async (t) => {
  const auto = flow(() => 125e6);
  await run(auto, 16);
  t.equal(auto.choice.codec, 'zstd');
  await run(auto, 100, 10); // 1 MiB in 10 ms: less than 125 MB/s
  t.match(auto.choice, {
    codec: 'none',
    reason: /^zstd was tried: 105 MB\/s of pages, 125 MB\/s without$/,
  });
  t.same(new Set(await run(auto, 500)), new Set(['none']));
  t.equal((await run(auto, 600)).at(-1), 'zstd', 'then again');
  await run(auto, 128, 4);
  t.equal(auto.choice.codec, 'zstd', 'that does what was hoped for stays');
});

void t.test('a pause between rounds is no slow wire', async (t) => {
  const auto = flow(() => 125e6);
  await run(auto, 16);
  for (let round = 0; round < 10; round++) {
    await run(auto, 20, 2);
    now += 5000;
  }
  t.equal(auto.choice.codec, 'zstd');
});

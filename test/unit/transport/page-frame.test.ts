import t from 'tap';
import { compress, expander, type CodecName } from '../../../src/kernel/page-codec.ts';
import { headRoom, maxPageFrame, maxPagePayload, maxRuns } from '../../../src/transport/limits.ts';
import { decodePageFrame, encodeInFront, lengthOfRuns } from '../../../src/transport/page-frame.ts';
import type { PageFrame, PageFrameInfo } from '../../../src/transport/page-frame.ts';
import { PageBlock } from '../../../src/transport/page-block.ts';
import { packMessage } from '../../../src/transport/wire-codec.ts';

const page = 4096;
const expand = expander(maxPagePayload);
const patch = (): undefined => undefined;
const sum = (payload: Uint8Array): bigint => payload.reduce((total, byte) => total + BigInt(byte), 0n);

function info(runs: number[], rest: Partial<PageFrameInfo> = {}): PageFrameInfo {
  return {
    round: 1,
    space: 7,
    kind: 'space',
    runs: Float64Array.from(runs),
    runCount: runs.length / 2,
    ...rest,
  };
}

function encode(frame: PageFrameInfo, fill = 3): Buffer {
  const block = new PageBlock();
  const length = lengthOfRuns(frame);
  block.payload.subarray(0, length).fill(fill);
  const checksum = sum(block.payload.subarray(0, length));
  const begin = encodeInFront(block.memory, headRoom, frame, { sequence: 5, zero: false, checksum });
  return block.memory.subarray(begin, headRoom + length);
}

/** A frame as a hostile peer would write it. */
function forge(header: object, runs: number[], payload: Uint8Array): Buffer {
  const packed = packMessage({ sequence: 5, round: 1, space: 7, kind: 'space', zero: false, runs: runs.length / 2, checksum: 0n, ...header });
  const length = Buffer.alloc(4);
  length.writeUInt32LE(packed.length);
  return Buffer.concat([length, packed, Buffer.from(Float64Array.from(runs).buffer), payload]);
} // prettier-ignore

void t.test('a frame comes back as it was written, and its payload is not copied', async (t) => {
  const frame = info([0x7000, page, 0x9000, 2 * page]);
  const message = encode(frame);
  const decoded: PageFrame = decodePageFrame(message, { checksum: sum, expand, patch });
  t.match(decoded, { sequence: 5, round: 1, space: 7, kind: 'space', zero: false, runCount: 2 });
  t.same([...decoded.runs], [0x7000, page, 0x9000, 2 * page]);
  t.equal(decoded.payload.length, 3 * page);
  t.equal(decoded.payload.buffer, message.buffer, 'a view into the message');
});

void t.test('header and runs stand right in front of the payload of the block', async (t) => {
  const block = new PageBlock();
  const frame = info([0, page]);
  const begin = encodeInFront(block.memory, headRoom, frame, { sequence: 1, zero: false, checksum: 9n });
  t.equal(begin + 4 + block.memory.readUInt32LE(begin) + 16, headRoom);
  t.equal(block.payload.buffer, block.memory.buffer);
});

void t.test('the largest frame fits the head room and the message limit', async (t) => {
  const runs = new Array(maxRuns * 2).fill(0).map((_, i) => (i % 2 === 0 ? i * page : page));
  const block = new PageBlock();
  const frame = info(runs, { space: 4_194_304, round: Number.MAX_SAFE_INTEGER });
  const rest = { sequence: Number.MAX_SAFE_INTEGER, zero: true, checksum: 2n ** 64n - 1n };
  const begin = encodeInFront(block.memory, headRoom, frame, rest);
  t.ok(begin >= 0);
  t.equal(
    decodePageFrame(block.memory.subarray(begin, headRoom), { checksum: sum, expand, patch }).runCount,
    maxRuns,
  );
  t.ok(headRoom - begin + maxPagePayload <= maxPageFrame);
  t.throws(() => encodeInFront(block.memory, headRoom, info([...runs, 1e9, page]), rest), { code: 'LIMIT' });
});

void t.test('runs given as a part of a larger array are sent from where they stand', async (t) => {
  const table = Float64Array.from([1, 2, 0x5000, page, 3, 4]);
  const frame = info([], { runs: table.subarray(2, 4), runCount: 1 });
  t.same([...decodePageFrame(encode(frame), { checksum: sum, expand, patch }).runs], [0x5000, page]);
});

void t.test('a damaged payload is noticed', async (t) => {
  const message = encode(info([0, page]));
  message[message.length - 1] = 4;
  t.throws(() => decodePageFrame(message, { checksum: sum, expand, patch }), {
    code: 'PROTOCOL',
    message: /frame 5 was damaged/,
  });
});

void t.test('zero pages travel without content, of any length', async (t) => {
  const frame = decodePageFrame(forge({ zero: true }, [0, 2 ** 40], Buffer.alloc(0)), {
    checksum: sum,
    expand,
    patch,
  });
  t.match(frame, { zero: true, payload: { length: 0 } });
});

void t.test('whatever is wrong with a frame is said before its pages are touched', async (t) => {
  const one = Buffer.alloc(page);
  const cases: [string, Buffer, RegExp][] = [
    ['empty', Buffer.alloc(0), /too short/],
    ['header longer than allowed', Buffer.from([0, 0, 1, 0, 0]), /header of 65536 bytes/],
    ['cut off in the header', Buffer.from([9, 0, 0, 0, 0x80]), /cut off in its header/],
    ['cut off in the runs', forge({ runs: 3 }, [0, page], Buffer.alloc(0)), /cut off in its runs/],
    ['no msgpack', Buffer.from([1, 0, 0, 0, 0xc1]), /not a msgpack/],
    ['no runs', forge({}, [], Buffer.alloc(0)), /runs/],
    ['too many runs', forge({ runs: maxRuns + 1 }, [0, page], one), /runs/],
    ['unknown field', forge({ colour: 'red' }, [0, page], one), /bad header/],
    ['unknown codec', forge({ codec: 'gzip' }, [0, page], one), /bad header: codec/],
    ['sequence 0', forge({ sequence: 0 }, [0, page], one), /sequence/],
    ['kind', forge({ kind: 'disk' }, [0, page], one), /kind/],
    ['checksum that is no bigint', forge({ checksum: 1 }, [0, page], one), /checksum/],
    ['start not aligned', forge({}, [1, page], one), /whole pages/],
    ['length not aligned', forge({}, [0, 17], one), /whole pages/],
    ['length 0', forge({}, [0, 0], one), /whole pages/],
    ['negative start', forge({}, [-page, page], one), /out of order/],
    ['NaN', forge({}, [NaN, page], one), /whole pages/],
    ['infinite', forge({}, [0, Infinity], one), /whole pages/],
    ['past 2^53', forge({}, [2 ** 60, page], one), /whole pages/],
    ['past user space', forge({}, [0x7fff_ffff_f000, 2 * page], one), /past the end/],
    ['overlap', forge({}, [0, 2 * page, page, page], Buffer.alloc(3 * page)), /overlap/],
    ['not sorted', forge({}, [page, page, 0, page], Buffer.alloc(2 * page)), /out of order/],
    ['payload too short', forge({}, [0, 2 * page], one), /4096 bytes of pages where 8192/],
    ['payload too long', forge({}, [0, page], Buffer.alloc(page + 1)), /4097 bytes of pages where 4096/],
    ['payload in a zero frame', forge({ zero: true }, [0, page], one), /4096 bytes of pages where 0/],
    ['payload past the limit', forge({}, [0, maxPagePayload + page], one), /tells of/],
  ];
  for (const [name, message, expected] of cases) {
    t.throws(
      () => decodePageFrame(message, { checksum: sum, expand, patch }),
      { code: 'PROTOCOL', message: expected },
      name,
    );
  }
});

/** As the source would send it. */
async function forgePacked(codec: CodecName, pages: Buffer, runs = [0, pages.length]): Promise<Buffer> {
  const into = Buffer.alloc(pages.length);
  const packed = into.subarray(0, await compress(codec, pages, into));
  return forge({ codec, checksum: sum(pages) }, runs, packed);
}

for (const codec of ['lz4', 'zstd'] as const) {
  void t.test(`${codec}: pages come back from a compressed frame, and its checksum is theirs`, async (t) => {
    const pages = Buffer.concat([Buffer.alloc(page, 'abc'), Buffer.alloc(2 * page, 9)]);
    const frame = decodePageFrame(await forgePacked(codec, pages, [0x7000, page, 0x9000, 2 * page]), {
      checksum: sum,
      expand,
      patch,
    });
    t.match(frame, { sequence: 5, space: 7, zero: false, runCount: 2 });
    t.ok(pages.equals(frame.payload));
    const message = await forgePacked(codec, pages);
    t.throws(() => decodePageFrame(message, { checksum: () => 0n, expand, patch }), {
      code: 'PROTOCOL',
      message: /was damaged/,
    });
  });

  void t.test(`${codec}: what does not expand to exactly the pages of the runs is refused`, async (t) => {
    const pages = Buffer.alloc(4 * page, 'key:');
    const whole = Buffer.alloc(pages.length);
    const packed = whole.subarray(0, await compress(codec, pages, whole));
    const largest = Buffer.alloc(maxPagePayload);
    const bomb = largest.subarray(0, await compress(codec, Buffer.alloc(maxPagePayload), largest));
    const four = [0, 4 * page];
    const checksum = sum(pages);
    const cases: [string, Buffer, RegExp][] = [
      ['garbage', forge({ codec, checksum }, four, Buffer.alloc(300, 0xee)), /does not expand/],
      ['nothing', forge({ codec, checksum }, four, Buffer.alloc(0)), /0 bytes of/],
      ['cut off', forge({ codec, checksum }, four, packed.subarray(0, -3)), /does not expand/],
      ['trailing bytes', forge({ codec, checksum }, four, Buffer.concat([packed, Buffer.alloc(9)])), /does not expand/],
      ['twice', forge({ codec, checksum }, [0, 8 * page], Buffer.concat([packed, packed])), /does not expand/],
      ['more pages than told', forge({ codec, checksum }, [0, 3 * page], packed), /does not expand/],
      ['fewer pages than told', forge({ codec, checksum }, [0, 5 * page], packed), /does not expand/],
      ['a bomb', forge({ codec }, [0, 64 * page], bomb), /does not expand/],
      ['a bomb past the limit', forge({ codec }, [0, maxPagePayload + page], bomb), /tells of/],
      ['no shorter than the pages', forge({ codec, checksum }, four, pages), /bytes of .* for 16384 bytes/],
      ['of zero pages', forge({ codec, zero: true }, four, packed), /bytes of .* for 0 bytes/],
      ['the other codec', forge({ codec: codec === 'lz4' ? 'zstd' : 'lz4', checksum }, four, packed), /does not expand/],
    ]; // prettier-ignore
    for (const [name, message, expected] of cases)
      t.throws(
        () => decodePageFrame(message, { checksum: sum, expand, patch }),
        { code: 'PROTOCOL', message: expected },
        name,
      );
    const good = decodePageFrame(forge({ codec, checksum }, four, packed), { checksum: sum, expand, patch });
    t.ok(pages.equals(good.payload), 'and the next one is read as if nothing had been');
  });

  void t.test(`${codec}: a frame with changed bytes is refused, or holds what was sent`, async (t) => {
    const pages = Buffer.alloc(8 * page);
    for (let at = 0; at < pages.length; at += 16) pages.writeUInt32LE(at, at);
    const exact = (payload: Uint8Array): bigint =>
      payload.reduce((hash, byte) => (hash * 257n + BigInt(byte)) % (2n ** 61n - 1n), 1n);
    const into = Buffer.alloc(pages.length);
    const packed = into.subarray(0, await compress(codec, pages, into));
    const original = forge({ codec, checksum: exact(pages) }, [0, pages.length], packed);
    let refused = 0;
    for (let i = 0; i < 400; i++) {
      const message = Buffer.from(original);
      const at = message.length - packed.length + ((i * 7919) % packed.length);
      message[at] = (message[at] ?? 0) ^ (1 << (i % 8));
      try {
        if (!pages.equals(decodePageFrame(message, { checksum: exact, expand, patch }).payload))
          t.fail(`byte ${at}`);
      } catch (error) {
        if ((error as { code?: string }).code !== 'PROTOCOL') throw error;
        refused++;
      }
    }
    t.ok(refused > 300, `${refused} of 400 were refused`);
  });
}

void t.test('deltas: the pages that come of them are what is summed and handed on', async (t) => {
  const pages = Buffer.alloc(2 * page, 9);
  const deltas = Buffer.from('differences');
  const seen: unknown[] = [];
  const by = {
    checksum: sum,
    expand,
    patch: (of: object, given: Uint8Array, length: number): Uint8Array => {
      seen.push([of, Buffer.from(given).toString(), length]);
      return pages;
    },
  };
  const header = { delta: deltas.length, checksum: sum(pages) };
  const runs = [0x5000, 2 * page];
  const frame = decodePageFrame(forge(header, runs, deltas), by);
  t.equal(frame.payload, pages);
  t.match(seen, [[{ kind: 'space', space: 7, runCount: 1 }, 'differences', 2 * page]]);
  const long = Buffer.alloc(100, 'd');
  const into = Buffer.alloc(100);
  const packed = into.subarray(0, await compress('lz4', long, into));
  decodePageFrame(forge({ ...header, delta: 100, codec: 'lz4' }, runs, packed), by);
  t.match(seen[1], [{}, long.toString(), 2 * page], 'compressed too');
});

void t.test('deltas that cannot be are refused', (t) => {
  const runs = [0x5000, 2 * page];
  const pages = Buffer.alloc(2 * page, 9);
  const by = { checksum: sum, expand, patch: () => pages };
  const cases: [string, object, Buffer, RegExp][] = [
    ['as long as the pages', { delta: 2 * page }, Buffer.alloc(2 * page), /bytes of deltas for 8192/],
    ['of another length than told', { delta: 10 }, Buffer.alloc(11), /has 11 bytes of pages where 10/],
    ['none at all', { delta: 0 }, Buffer.alloc(0), /bad header/],
    ['of zero pages', { delta: 10, zero: true }, Buffer.alloc(10), /bytes of deltas for 0/],
    [
      'against other pages',
      { delta: 10, checksum: 1n },
      Buffer.alloc(10),
      /process 7 that are other ones here/,
    ],
  ];
  for (const [name, header, payload, message] of cases)
    t.throws(() => decodePageFrame(forge(header, runs, payload), by), { code: 'PROTOCOL', message }, name);
  const none = { ...by, patch };
  t.throws(() => decodePageFrame(forge({ delta: 10 }, runs, Buffer.alloc(10)), none), {
    code: 'PROTOCOL',
    message: /has deltas that are none/,
  });
  t.end();
});

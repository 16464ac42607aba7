// Pages as differences from what was sent before (native/sys/delta.cc, delta_cache.cc): what comes back, what is kept, and what hostile
// bytes do. The old pages are read from a file, or from this very process.
import { randomBytes, randomInt } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { runLocal } from '../../src/kernel/local-program.ts';
import { errnoName, Program } from '../../src/kernel/program.ts';
import { native } from '../../src/native.ts';

const page = 4096;
const failed = new Float64Array(1);

/** A file that holds these pages. */
function fileOf(t: Test, pages: Uint8Array): number {
  const folder = mkdtempSync(join(tmpdir(), 'godwit-delta-'));
  const fd = openSync(join(folder, 'pages'), 'w+');
  t.teardown(() => {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });
  writeSync(fd, pages);
  return fd;
}

function runsAt(start: number, pages: number): Float64Array {
  return Float64Array.of(start, pages * page);
}

interface Sent {
  readonly owner?: number;
  readonly round?: number;
  readonly start?: number;
  readonly room?: number;
  readonly admits?: boolean;
}

/** What would travel; undefined: the pages themselves. */
function send(
  cache: InstanceType<typeof native.DeltaCache>,
  pages: Buffer,
  { owner = 1, round = 1, start = 0, room = pages.length, admits = true }: Sent = {},
): Buffer | undefined {
  const payload = Buffer.from(pages);
  const runs = runsAt(start, pages.length / page);
  const bytes = cache.encode(owner, round, runs, 1, payload, room, admits);
  if (bytes > 0) return payload.subarray(0, bytes);
  if (!payload.equals(pages)) throw new Error('pages that go whole were changed');
  return undefined;
}

function patch(fd: number, stream: Uint8Array, pages: number, start = 0): Buffer | string {
  const into = Buffer.alloc(pages * page, 0x5a);
  const error = native.patchPages(fd, true, runsAt(start, pages), 1, stream, into, failed);
  return error === 0 ? into : errnoName(error);
}

/** The same with words changed at these places. */
function changed(pages: Buffer, ...words: number[]): Buffer {
  const now = Buffer.from(pages);
  for (const word of words) now.writeBigInt64LE(~now.readBigInt64LE(8 * word), 8 * word);
  return now;
}

await t.test('what was changed comes back, wherever it is', async (t) => {
  const before = randomBytes(4 * page);
  const fd = fileOf(t, before);
  const versions = {
    nothing: before,
    'first word': changed(before, 0),
    'last word': changed(before, 4 * 512 - 1),
    'after 255, 256 and 510 words': changed(before, 255, 512 + 256, 1024 + 510),
    'every other word of a page': changed(before, ...Array.from({ length: 256 }, (_, i) => 2 * i)),
    '300 words in a row': changed(before, ...Array.from({ length: 300 }, (_, i) => 600 + i)),
    'a whole page': Buffer.concat([before.subarray(0, page), randomBytes(page), before.subarray(2 * page)]),
    'one byte': Buffer.concat([Buffer.of(~before.readUInt8(0) & 255), before.subarray(1)]),
  };
  for (const [name, now] of Object.entries(versions)) {
    const cache = new native.DeltaCache(1 << 20);
    t.equal(send(cache, before, { round: 0 }), undefined, 'the first time it goes whole');
    const stream = send(cache, now);
    t.ok(stream !== undefined && stream.length < before.length, `${name}: ${stream?.length} bytes`);
    t.ok(now.equals(patch(fd, stream ?? before, 4) as Buffer), name);
  }
});

await t.test('10000 random changes, one upon the other', async (t) => {
  const cache = new native.DeltaCache(8 * page);
  let now = randomBytes(16 * page);
  const there = fileOf(t, now);
  send(cache, now, { round: 0 });
  let deltas = 0;
  for (let round = 1; round <= 10_000; round++) {
    const next = Buffer.from(now);
    for (let edits = randomInt(4); edits > 0; edits--) {
      const at = randomInt(next.length);
      next.fill(randomBytes(1), at, Math.min(next.length, at + randomInt(1, 2 * page)));
    }
    const first = randomInt(16);
    const pages = randomInt(1, 17 - first);
    const part = next.subarray(first * page, (first + pages) * page);
    next.copy(now, 0, 0, first * page);
    now = Buffer.concat([now.subarray(0, first * page), part, now.subarray((first + pages) * page)]);
    const stream = send(cache, Buffer.from(part), { round, start: first * page });
    if (stream !== undefined) deltas++;
    const made = stream === undefined ? part : patch(there, stream, pages, first * page);
    if (!part.equals(made as Buffer)) t.fail(`round ${round} differs`);
    writeSync(there, part, 0, part.length, first * page);
    if (cache.pages() > 8) t.fail('there is no room for so many');
  }
  t.ok(deltas > 1000, `${deltas} rounds had deltas`);
});

await t.test('old pages are read from a process too', async (t) => {
  const program = new Program();
  const mapped = program.call('mmap', 0, 4 * page, 3, 0x22, -1, 0);
  const at = runLocal(program).number(mapped);
  const before = randomBytes(4 * page);
  native.writeMemory(process.pid, runsAt(at, 4), 1, before);
  const cache = new native.DeltaCache(1 << 20);
  const now = changed(before, 5, 700, 701);
  send(cache, before, { round: 0 });
  const stream = send(cache, now) ?? Buffer.alloc(0);
  const fd = openSync('/proc/self/mem', 'r');
  t.teardown(() => {
    closeSync(fd);
  });
  const into = Buffer.alloc(before.length);
  t.equal(native.patchPages(fd, false, runsAt(at, 4), 1, stream, into, failed), 0);
  t.ok(into.equals(now));
  t.equal(errnoName(native.patchPages(fd, false, runsAt(page, 4), 1, stream, into, failed)), 'EIO');
  t.equal(failed[0], page, 'the page that is not there is named');
});

await t.test('the cache forgets what it is told to, and nothing else', async (t) => {
  const cache = new native.DeltaCache(1 << 20);
  const pages = randomBytes(8 * page);
  for (const owner of [1, 2]) send(cache, pages, { owner, round: 0, start: 0x10000 });
  t.equal(cache.pages(), 16);
  cache.drop(1, runsAt(0x11000, 2), 1);
  t.equal(cache.pages(), 14);
  cache.drop(1, runsAt(0x100000, 1 << 20), 1); // more than the cache has
  t.equal(cache.pages(), 14);
  cache.keep(1, Float64Array.of(0, 0x11000, 0x14000, 0x1000, 0x17000, 0x100000), 3);
  t.equal(cache.pages(), 3 + 8);
  cache.keep(2, new Float64Array(0), 0);
  t.equal(cache.pages(), 3);
  cache.drop(1, runsAt(0, 1 << 20), 1);
  t.equal(cache.pages(), 0);
  t.equal(send(cache, pages, { owner: 1, start: 0x10000 }), undefined, 'all go whole again');
});

await t.test('what is full keeps what is sent again and again', async (t) => {
  const room = 64;
  const cache = new native.DeltaCache(room * page);
  const first = randomBytes(200 * page);
  send(cache, first, { round: 0 });
  t.equal(cache.pages(), room);
  // Twice as much as fits is written anew in each round.
  const hot = (): Buffer => randomBytes(128 * page);
  const second = hot();
  send(cache, second, { round: 1, start: 0x1000000 });
  const third = changed(second, ...Array.from({ length: 128 }, (_, i) => 512 * i));
  const stream = send(cache, third, { round: 2, start: 0x1000000 }) ?? Buffer.alloc(0);
  t.ok(stream.length < 66 * (page + 2) + 64 * 20, `half of it are deltas: ${stream.length} bytes`);
  send(cache, hot(), { round: 5, start: 0x9000000 });
  send(cache, hot(), { round: 6, start: 0x9000000 });
  t.equal(cache.pages(), room);
});

await t.test('in the freeze nothing new is kept', async (t) => {
  const cache = new native.DeltaCache(1 << 20);
  const pages = randomBytes(4 * page);
  send(cache, pages, { admits: false });
  t.equal(cache.pages(), 0);
  send(cache, pages);
  t.ok((send(cache, changed(pages, 1), { admits: false, round: 2 })?.length ?? Infinity) < 100);
});

await t.test('deltas that need more room than given are not sent, and are known all the same', async (t) => {
  const cache = new native.DeltaCache(1 << 20);
  const pages = randomBytes(4 * page);
  send(cache, pages, { round: 0 });
  const now = changed(pages, 1);
  t.equal(send(cache, now, { room: 17 }), undefined, '2 + 2 + 8 + 3 * 2 are 18');
  t.equal(send(cache, changed(now, 3), { room: 18 })?.length, 18);
});

await t.test('hostile deltas are refused, and touch nothing outside their pages', async (t) => {
  const before = randomBytes(2 * page);
  const fd = fileOf(t, before);
  const head = (bytes: number): number[] => [bytes & 255, bytes >> 8];
  const bad: Record<string, number[]> = {
    nothing: [],
    'half a head': [1],
    'one page of two': head(0),
    'three pages of two': [...head(0), ...head(0), ...head(0)],
    'bytes behind the end': [...head(0), ...head(0), 1],
    'longer than it is': [...head(10), 0, 1],
    'longer than a page': [...head(4097), ...new Array<number>(4097).fill(0), ...head(0)],
    'a whole page cut off': [...head(0), ...head(4096), ...new Array<number>(4095).fill(0)],
    'no words, and no more to skip': [...head(2), 4, 0, ...head(0)],
    'half an operation': [...head(1), 1, ...head(0)],
    'words that are not there': [...head(9), 0, 1, 1, 2, 3, 4, 5, 6, 7, ...head(0)],
    'words behind the page': [...head(6 + 8), 255, 0, 255, 0, 2, 1, 1, 2, 3, 4, 5, 6, 7, 8, ...head(0)],
    'skips behind the page': [...head(6), 255, 0, 255, 0, 255, 0, ...head(0)],
  };
  for (const [name, bytes] of Object.entries(bad)) t.equal(patch(fd, Buffer.from(bytes), 2), 'EILSEQ', name);
  const into = Buffer.alloc(3 * page, 7);
  const stream = Buffer.from([...head(12), 255, 0, 255, 0, 1, 1, 9, 9, 9, 9, 9, 9, 9, 9].slice(0, 2));
  t.equal(
    errnoName(native.patchPages(fd, true, runsAt(0, 2), 1, stream, into.subarray(0, page), failed)),
    'EILSEQ',
    'less memory than runs',
  );
  t.ok(into.subarray(page).every((byte) => byte === 7));
});

await t.test('random bytes are refused or stay inside', async (t) => {
  const fd = fileOf(t, randomBytes(4 * page));
  const good = (() => {
    const cache = new native.DeltaCache(1 << 20);
    const pages = randomBytes(4 * page);
    send(cache, pages, { round: 0 });
    return send(cache, changed(pages, 3, 300, 301, 302, 600, 1100, 2047)) ?? Buffer.alloc(0);
  })();
  const memory = Buffer.alloc(6 * page, 7);
  const into = memory.subarray(page, 5 * page);
  let taken = 0;
  for (let i = 0; i < 200_000; i++) {
    const stream = i % 4 === 0 ? randomBytes(randomInt(64)) : Buffer.from(good);
    for (let edits = randomInt(1, 4); edits > 0 && stream.length > 0; edits--)
      stream[randomInt(stream.length)] = randomInt(256);
    const cut = stream.subarray(0, i % 3 === 0 ? randomInt(stream.length + 1) : stream.length);
    const error = native.patchPages(fd, true, runsAt(0, 4), 1, cut, into, failed);
    if (error === 0) taken++;
    else if (errnoName(error) !== 'EILSEQ') t.fail(errnoName(error));
  }
  t.ok(taken > 0, `${taken} were deltas all the same`);
  t.ok(memory.subarray(0, page).every((byte) => byte === 7));
  t.ok(memory.subarray(5 * page).every((byte) => byte === 7));
});

await t.test('wrong arguments are a TypeError', async (t) => {
  t.throws(() => new native.DeltaCache(0), TypeError);
  t.throws(() => new native.DeltaCache(2 ** 40), TypeError);
  const cache = new native.DeltaCache(1 << 20);
  const payload = Buffer.alloc(page);
  t.throws(() => cache.encode(2 ** 23, 1, runsAt(0, 1), 1, payload, page, true), TypeError);
  t.throws(() => cache.encode(1, 1, runsAt(0, 2), 1, payload, page, true), TypeError, 'too short');
  t.throws(() => cache.encode(1, 1, runsAt(2 ** 47, 1), 1, payload, page, true), TypeError);
  t.throws(() => {
    cache.drop(1, runsAt(0, 1), 2);
  }, TypeError);
  t.throws(() => {
    cache.keep.call({} as never, 1, runsAt(0, 1), 1);
  });
});

// Loops over pages, on this very process: memory is mapped here, read and written as if it were another's.
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import t from 'tap';
import { runLocal } from '../../src/kernel/local-program.ts';
import { errnoName, Program } from '../../src/kernel/program.ts';
import { native } from '../../src/native.ts';
import { pageReadField } from '../../src/native-pages.ts';
import { pageSize } from '../../src/units.ts';

const { pid } = process;
const protNone = 0;
const protReadWrite = 3;
const privateAnonymous = 0x22;
const pagemapFd = openSync('/proc/self/pagemap', 'r');
const memFd = openSync('/proc/self/mem', 'r+');
const failed = new Float64Array(1);
t.teardown(() => {
  closeSync(pagemapFd);
  closeSync(memFd);
});

function call(name: 'mmap' | 'munmap' | 'mprotect' | 'madvise', ...args: number[]): number {
  const program = new Program();
  const result = program.call(name, ...args);
  return runLocal(program).number(result);
}

/** Small pages: huge ones would make untouched neighbours present. */
function map(pages: number): number {
  const address = call('mmap', 0, pages * pageSize, protReadWrite, privateAnonymous, -1, 0);
  call('madvise', address, pages * pageSize, 15); // MADV_NOHUGEPAGE
  return address;
}

function one(address: number, pages = 1): Float64Array {
  return Float64Array.of(address, pages * pageSize);
}

function fill(address: number, pages: number, byte: number): void {
  const data = new Uint8Array(pages * pageSize).fill(byte);
  t.equal(native.writeMemory(pid, one(address, pages), 1, data), data.length);
}

function readPages(runs: Float64Array, count: number, blockPages: number) {
  const payload = new Uint8Array(blockPages * pageSize);
  const kept = new Float64Array(2 * blockPages);
  const zero = new Float64Array(2 * blockPages);
  const result = new Float64Array(5);
  const cursor = new Float64Array(2);
  const blocks = [];
  while ((cursor[0] ?? 0) < count) {
    const error = native.readPages(pid, memFd, pagemapFd, runs, count, cursor, payload, kept, zero, result);
    if (error < 0) throw new Error(errnoName(error));
    blocks.push({
      payload: payload.slice(0, result[pageReadField.payload]),
      kept: [...kept.subarray(0, 2 * (result[pageReadField.keptRuns] ?? 0))],
      zero: [...zero.subarray(0, 2 * (result[pageReadField.zeroRuns] ?? 0))],
      gone: result[pageReadField.gonePages],
    });
  }
  return blocks;
}

t.test('wrong arguments are TypeErrors and crash nothing', (t) => {
  const f = new Float64Array(16);
  const set = new native.PageSet();
  const calls = native as unknown as Record<string, (...args: unknown[]) => unknown>;
  const wrong: [string, unknown[]][] = [
    ['readMemory', []],
    ['readMemory', [pid, f, 100, new Uint8Array(1)]],
    ['readMemory', [pid, [], 0, new Uint8Array(1)]],
    ['readMemory', [-1, f, 0, new Uint8Array(1)]],
    ['readMemory', [pid, Float64Array.of(NaN, 1), 1, new Uint8Array(1)]],
    ['readMemory', [pid, Float64Array.of(2 ** 60, 1), 1, new Uint8Array(1)]],
    ['readMem', [memFd, 1.5, new Uint8Array(1)]],
    ['writePages', [pid, memFd, one(4096), 1, new Uint8Array(1), failed]],
    ['writePages', [pid, memFd, Float64Array.of(1, 1), 1, new Uint8Array(1), failed]],
    ['writeDifferent', [pid, memFd, one(4096), 1, undefined, failed]],
    ['readPages', [pid, memFd, pagemapFd, f, 0, f, new Uint8Array(4096 * 16), f, f, f]],
    ['readPages', [pid, memFd, pagemapFd, f, 0, Float64Array.of(-1, 0), new Uint8Array(4096), f, f, f]],
    ['readChanged', [memFd, 0, new BigUint64Array(0), new Uint8Array(4096), f, f, f]],
    ['pagemapScan', [pagemapFd, 0, 0, null, f, f]],
    ['pagemapScan', [pagemapFd, 0, 0, {}, f, f]],
    ['pagemapRead', [pagemapFd, 0, 5, new BigUint64Array(4)]],
    ['pagemapRuns', [pagemapFd, 0, 4096, 1, 2, 3, f, f]],
    ['ownedRuns', [pagemapFd, f, 0, 9, f, f]],
    ['uffdRegisterNew', [0, 0, one(4096), one(4096), 1, true, false, new Int32Array(0)]],
    ['uffdRegisterNew', [0, 0, one(4096), new Float64Array(1), 1, true, false, new Int32Array(1)]],
    ['hashPages', [new Uint8Array(8192), new BigUint64Array(1)]],
    ['xxh3', ['text']],
    ['zeroPages', [new Uint8Array(8192), new Uint8Array(1)]],
  ];
  for (const [name, args] of wrong)
    t.throws(() => calls[name]?.(...args), TypeError, `${name}(${args.length})`);
  t.throws(() => {
    set.addSet({} as never);
  }, TypeError);
  t.end();
});

t.test('reading ends where memory ends', (t) => {
  const at = map(3);
  fill(at, 3, 7);
  call('munmap', at + 2 * pageSize, pageSize);
  const out = new Uint8Array(3 * pageSize);
  t.equal(native.readMemory(pid, one(at, 3), 1, out), 2 * pageSize);
  t.equal(errnoName(native.readMemory(pid, one(at + 2 * pageSize), 1, out)), 'EFAULT');
  call('munmap', at, 2 * pageSize);
  t.end();
});

t.test('a block holds what is not zero, says what is, and leaves out what is gone', (t) => {
  const at = map(6);
  fill(at, 2, 1);
  fill(at + 3 * pageSize, 1, 3);
  fill(at + 5 * pageSize, 1, 5);
  call('munmap', at + 4 * pageSize, pageSize);
  call('mprotect', at + 5 * pageSize, pageSize, protNone); // /proc/PID/mem reads it
  const [block] = readPages(one(at, 6), 1, 8);
  t.same(block?.kept, [at, 2 * pageSize, at + 3 * pageSize, pageSize, at + 5 * pageSize, pageSize]);
  t.same(block?.zero, [at + 2 * pageSize, pageSize]);
  t.equal(block?.gone, 1);
  t.same(
    [...(block?.payload ?? [])].filter((_, i) => i % pageSize === 9),
    [1, 1, 3, 5],
  );
  t.end();
});

t.test('more scattered pages than one call takes are read in order', (t) => {
  const count = 2500;
  const at = map(2 * count);
  const runs = new Float64Array(2 * count);
  for (let i = 0; i < count; i++) {
    runs.set(one(at + 2 * i * pageSize), 2 * i);
    native.writeMem(memFd, at + 2 * i * pageSize, Uint8Array.of(i & 0xff, i >> 8, 1));
  }
  const blocks = readPages(runs, count, 1100);
  t.equal(blocks.length, 3);
  const pages = Buffer.concat(blocks.map(({ payload }) => payload));
  let wrong = 0;
  for (let i = 0; i < count; i++) if (pages.readUInt16LE(i * pageSize) !== i) wrong++;
  t.equal(wrong, 0);
  t.same(
    blocks.flatMap(({ kept }) => kept),
    [...runs],
  );
  call('munmap', at, 2 * count * pageSize);
  t.end();
});

t.test('pages are written whatever their protection, and an error names the address', (t) => {
  const at = map(4);
  call('mprotect', at, pageSize, protNone);
  call('mprotect', at + pageSize, pageSize, 1);
  const data = new Uint8Array(3 * pageSize).fill(9);
  t.equal(native.writePages(pid, memFd, one(at, 3), 1, data, failed), 0);
  const out = new Uint8Array(3 * pageSize);
  t.equal(native.readMem(memFd, at, out), out.length);
  t.same(out, data);
  call('munmap', at + pageSize, pageSize);
  t.ok(native.writePages(pid, memFd, one(at, 3), 1, data, failed) < 0);
  t.equal(failed[0], at + pageSize);
  t.end();
});

t.test('pages that are equal already are left alone', (t) => {
  const at = map(100);
  fill(at, 100, 4);
  const data = new Uint8Array(100 * pageSize).fill(4);
  data[50 * pageSize + 5] = 0;
  data[99 * pageSize + 4095] = 0;
  t.equal(native.writeDifferent(pid, memFd, one(at, 100), 1, data, failed), 2);
  t.equal(native.writeDifferent(pid, memFd, one(at, 100), 1, data, failed), 0);
  t.equal(native.writeDifferent(pid, memFd, one(at, 100), 1, null, failed), 100, 'null means zeros');
  call('munmap', at, 100 * pageSize);
  t.end();
});

t.test('a shared object is read where it has changed since it was sent', (t) => {
  const path = `/dev/shm/godwit-pages-${pid}`;
  const fd = openSync(path, 'w+');
  const pages = 16;
  const hashes = new BigUint64Array(pages);
  const payload = new Uint8Array(pages * pageSize);
  const [kept, zero, result] = [
    new Float64Array(2 * pages),
    new Float64Array(2 * pages),
    new Float64Array(5),
  ];
  const read = (): number[][] => {
    t.equal(native.readChanged(fd, 0, hashes, payload, kept, zero, result), 0);
    return [
      [...kept.subarray(0, 2 * (result[pageReadField.keptRuns] ?? 0))],
      [...zero.subarray(0, 2 * (result[pageReadField.zeroRuns] ?? 0))],
    ];
  };
  writeSync(fd, Uint8Array.of(1), 0, 1, 3 * pageSize);
  writeSync(fd, Uint8Array.of(2), 0, 1, 15 * pageSize); // the file ends inside this page
  t.same(read(), [[3 * pageSize, pageSize, 15 * pageSize, pageSize], []], 'holes are not sent');
  t.same(read(), [[], []], 'nothing changed');
  t.equal(native.punchHole(fd, 3 * pageSize, pageSize), 0);
  t.same(read(), [[], [3 * pageSize, pageSize]], 'what became a hole is told');
  const range = new Float64Array(2);
  t.equal(native.seekData(fd, 0, range), 0);
  t.equal(range[0], 15 * pageSize);
  t.equal(errnoName(native.seekData(fd, 16 * pageSize, range)), 'ENXIO');
  closeSync(fd);
  rmSync(path);
  t.end();
});

t.test('XXH3 is XXH3', (t) => {
  t.equal(native.xxh3(new Uint8Array(0)), 0x2d06800538d394c2n);
  const page = new Uint8Array(pageSize).fill(1);
  const out = new BigUint64Array(1);
  native.hashPages(page, out);
  t.equal(out[0], native.xxh3(page));
  t.equal(native.xxh3File(openSync('/dev/null', 'r')), 0x2d06800538d394c2n);
  t.end();
});

t.test('XXH3 is the same number by the instructions of this processor and by those of any', (t) => {
  const bytes = randomBytes(300_000);
  const lengths = [...Array(1100).keys(), 4095, 4096, 65_537, 262_144, bytes.length - 63];
  const differing = lengths.filter((length) => {
    // At no place in particular: both read memory that is aligned to nothing.
    const part = bytes.subarray(length % 63, (length % 63) + length);
    return native.xxh3(part) !== native.xxh3Portable(part);
  });
  t.same(differing, []);
  t.equal(native.xxh3Portable(new Uint8Array(1000)), 0x24c1ea6074dd588cn, 'as the original says');
  t.end();
});

// Which pages a process owns, and sets of pages; on this very process.
import { closeSync, openSync, readSync } from 'node:fs';
import t from 'tap';
import { runLocal } from '../../src/kernel/local-program.ts';
import { errnoName, Program } from '../../src/kernel/program.ts';
import { ownedRuns, runsOfSet, setOf, unbackedRuns } from '../../src/kernel/page-runs.ts';
import { native } from '../../src/native.ts';
import { ownedMethod } from '../../src/native-pages.ts';
import { pageSize } from '../../src/units.ts';

const protReadWrite = 3;
const privateAnonymous = 0x22;
const pagemapFd = openSync('/proc/self/pagemap', 'r');
const memFd = openSync('/proc/self/mem', 'r+');
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
  t.equal(native.writeMemory(process.pid, one(address, pages), 1, data), data.length);
}

/** Pages that were only read are one page of zeros; there are kernels without it (pvm_no_zero_page). */
function hasZeroPage(): boolean {
  const at = map(2);
  const frames = [0, 1].map((page) => {
    native.readMem(memFd, at + page * pageSize, new Uint8Array(1));
    const entry = new BigUint64Array(1);
    readSync(pagemapFd, entry, 0, 8, (at / pageSize + page) * 8);
    return (entry[0] ?? 0n) & ((1n << 55n) - 1n);
  });
  return frames[0] === frames[1];
}

t.test('a process owns what it has written, not what it has only read', (t) => {
  const at = map(1024);
  const isReadOwned = !hasZeroPage();
  const wanted: number[] = [];
  for (let i = 0; i < 1024; i += 2) {
    if (i % 4 === 0) native.readMem(memFd, at + i * pageSize, new Uint8Array(1));
    else native.writeMem(memFd, at + i * pageSize, Uint8Array.of(1));
    if (i % 4 !== 0 || isReadOwned) wanted.push(at + i * pageSize, pageSize);
  }
  for (const method of Object.values(ownedMethod)) {
    const owned = ownedRuns(pagemapFd, { runs: one(at, 1024), count: 1 }, method);
    if (typeof owned === 'number') throw new Error(errnoName(owned));
    t.same([...owned.runs], wanted, `method ${method}`);
    // Little room, and ranges that cut runs: the cursor goes on where it was.
    const cursor = new Float64Array(2);
    const ranges = Float64Array.from({ length: 1024 }, (_, i) =>
      i % 2 === 0 ? at + i * 2 * pageSize : 3 * pageSize,
    );
    const found = setOf();
    for (let calls = 0; (cursor[0] ?? 0) < 256; calls++) {
      const out = new Float64Array(14);
      found.add(out, native.ownedRuns(pagemapFd, ranges, 256, method, out, cursor));
      if (calls > 1024) throw new Error('the cursor does not move');
    }
    const inRanges = wanted.filter(
      (value, i) =>
        i % 2 === 0 && value < at + 1024 * pageSize && Math.floor((value - at) / pageSize) % 4 < 3,
    );
    t.equal(found.pages(), inRanges.length, `method ${method} in pieces`);
  }
  t.end();
});

t.test('a set of pages does what a set does', (t) => {
  const set = setOf();
  const model = new Set<number>();
  let seed = 12345;
  const random = (limit: number): number => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) % limit;
  for (let i = 0; i < 3000; i++) {
    const first = random(5000);
    const length = 1 + random(i % 7 === 0 ? 1500 : 20);
    const isAdded = random(2) === 0;
    set[isAdded ? 'add' : 'remove'](one(first * pageSize, length), 1);
    for (let page = first; page < first + length; page++) model[isAdded ? 'add' : 'delete'](page);
  }
  const listed: number[] = [];
  const { runs, count } = runsOfSet(set);
  for (let i = 0; i < count; i++) {
    const first = (runs[2 * i] ?? 0) / pageSize;
    for (let page = first; page < first + (runs[2 * i + 1] ?? 0) / pageSize; page++) listed.push(page);
  }
  t.equal(set.pages(), model.size);
  t.same(
    listed,
    [...model].sort((a, b) => a - b),
  );
  const other = setOf({ runs: one(0, 2500), count: 1 });
  other.addSet(set);
  other.removeSet(set);
  t.equal(other.pages(), 2500 - listed.filter((page) => page < 2500).length);
  t.end();
});

t.test('blocks whose page table is gone are found', (t) => {
  const huge = 512 * pageSize;
  const room = map(1536);
  const at = Math.ceil(room / huge) * huge;
  fill(at, 1, 1);
  fill(at + 512 * pageSize, 1, 1);
  const set = setOf({ runs: Float64Array.of(at, pageSize, at + huge, pageSize), count: 2 });
  call('munmap', at + huge, 1536 * pageSize - (at - room) - huge);
  const found = unbackedRuns(set, pagemapFd);
  t.same(typeof found === 'number' ? found : [...found.runs], [at + huge, pageSize]);
  t.end();
});

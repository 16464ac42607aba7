// What the target does with frames, on this very process as the shell.
import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import t from 'tap';
import type { Mapping } from '../../src/images/memory.ts';
import { runLocal } from '../../src/kernel/local-program.ts';
import { Program } from '../../src/kernel/program.ts';
import { native } from '../../src/native.ts';
import { PageWriter } from '../../src/target/pages/page-writer.ts';
import { pageSize } from '../../src/units.ts';

const { pid } = process;
const space = 77;
const pagemapFd = openSync('/proc/self/pagemap', 'r');
t.teardown(() => {
  closeSync(pagemapFd);
});

function call(name: 'mmap' | 'madvise', ...args: number[]): number {
  const program = new Program();
  const result = program.call(name, ...args);
  return runLocal(program).number(result);
}

function mapAnonymous(pages: number): number {
  const address = call('mmap', 0, pages * pageSize, 3, 0x22, -1, 0);
  call('madvise', address, pages * pageSize, 15); // MADV_NOHUGEPAGE
  return address;
}

function frame(start: number, pages: number, byte: number | undefined, kind: 'space' | 'object' = 'space') {
  const payload = byte === undefined ? new Uint8Array(0) : new Uint8Array(pages * pageSize).fill(byte);
  const runs = Float64Array.of(start, pages * pageSize);
  return { space, kind, zero: byte === undefined, runs, runCount: 1, payload };
}

function read(address: number, pages: number): number[] {
  const out = new Uint8Array(pages * pageSize);
  native.readMemory(pid, Float64Array.of(address, out.length), 1, out);
  return [...out].filter((_, i) => i % pageSize === 100);
}

function isPresent(address: number): boolean {
  const word = new BigUint64Array(1);
  native.pagemapRead(pagemapFd, address, 1, word);
  return (word[0] ?? 0n) >> 63n === 1n;
}

function mapping(start: number, pages: number, kind: Mapping['kind']): Mapping {
  const plain = {
    offset: 0,
    growsDown: false,
    noReserve: false,
    locked: false,
    lockOnFault: false,
    advice: [],
    writable: false,
  };
  return { start, end: start + pages * pageSize, protection: 3, shared: false, kind, source: 0, ...plain };
}

const none = (): never => {
  throw new Error('no objects here');
};
const noObjects = { fd: none, memory: none };

t.test('pages arrive, and a page of zeros overwrites only what was written', (t) => {
  const at = mapAnonymous(8);
  const writer = new PageWriter(noObjects);
  writer.addSpace(space, pid);
  writer.updateSpace(space, [mapping(at, 8, 'anonymous')]);
  writer.write(frame(at, 2, 7));
  t.same(read(at, 2), [7, 7]);
  writer.write(frame(at, 8, undefined));
  t.notOk(isPresent(at + 5 * pageSize), 'an untouched page stays untouched');
  t.same(read(at, 8), [0, 0, 0, 0, 0, 0, 0, 0]);
  writer.close();
  t.end();
});

t.test('a page of zeros is written over the page of a file', (t) => {
  const path = `/dev/shm/godwit-writer-${pid}`;
  const fd = openSync(path, 'w+');
  writeSync(fd, new Uint8Array(4 * pageSize).fill(3));
  const at = call('mmap', 0, 4 * pageSize, 3, 0x2, fd, 0);
  const writer = new PageWriter(noObjects);
  writer.addSpace(space, pid);
  writer.updateSpace(space, [mapping(at, 4, 'file')]);
  writer.write(frame(at + pageSize, 1, undefined));
  t.same(read(at, 4), [3, 0, 3, 3]);
  writer.close();
  closeSync(fd);
  rmSync(path);
  t.end();
});

t.test('a clone knows what it inherited: zeros overwrite it', (t) => {
  const at = mapAnonymous(4);
  const writer = new PageWriter(noObjects);
  writer.addSpace(1, pid);
  writer.write({ ...frame(at, 4, 6), space: 1 });
  writer.addSpace(space, pid, 1);
  writer.write(frame(at, 4, 6));
  writer.write(frame(at + pageSize, 1, undefined));
  t.same(read(at, 4), [6, 0, 6, 6]);
  writer.close();
  t.end();
});

t.test('pages of a shared object go to its descriptor, zeros become holes', (t) => {
  const path = `/dev/shm/godwit-object-${pid}`;
  const fd = openSync(path, 'w+');
  const writer = new PageWriter({ fd: () => fd, memory: () => undefined });
  writer.write(frame(0, 4, 5, 'object'));
  writer.write(frame(8 * pageSize, 1, 9, 'object'));
  writer.write(frame(pageSize, 2, undefined, 'object'));
  const bytes = new Uint8Array(9 * pageSize);
  readSync(fd, bytes, 0, bytes.length, 0);
  t.same(
    [...bytes].filter((_, i) => i % pageSize === 1),
    [5, 0, 0, 5, 0, 0, 0, 0, 9],
  );
  const data = new Float64Array(2);
  native.seekData(fd, pageSize, data);
  t.equal(data[0], 3 * pageSize);
  closeSync(fd);
  rmSync(path);
  t.end();
});

t.test('frames for nobody, and for nothing, are refused', (t) => {
  const writer = new PageWriter(noObjects);
  t.throws(
    () => {
      writer.write(frame(4096, 1, 1));
    },
    { code: 'PROTOCOL' },
  );
  writer.addSpace(space, pid);
  t.throws(
    () => {
      writer.write(frame(4096, 1, 1));
    },
    { code: 'SYSCALL' },
  );
  writer.close();
  t.end();
});

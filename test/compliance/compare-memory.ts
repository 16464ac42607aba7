// The verdict: frozen memory against its model, page by page, through /proc/PID/mem.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { readMaps } from '../../src/kernel/proc/maps.ts';
import type { Vma } from '../../src/kernel/proc/maps.ts';
import { native } from '../../src/native.ts';
import { objectKey, objectKind } from '../../src/source/pages/shared-objects.ts';
import { isCarried } from '../../src/source/trackers/tracked-space.ts';
import { pageSize } from '../../src/units.ts';
import { zeroPage } from './model.ts';
import type { PageModel } from './model.ts';

/** Problems shown for each process: one is enough to know, some help to see a pattern. */
const shown = 5;

export function compareSpace(
  pid: number,
  model: PageModel,
  objectOf: (key: string) => PageModel | undefined,
): { readonly problems: string[]; readonly pages: number } {
  const problems: string[] = [];
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  let pages = 0;
  let wrong = 0;
  try {
    for (const vma of (readMaps(pid) ?? []).filter(isCarried)) {
      const actual = readWhole(memory, vma.start, vma.end - vma.start);
      const base = baseContent(pid, vma, objectOf);
      for (let at = 0; at < actual.length; at += pageSize, pages++) {
        const page = actual.subarray(at, at + pageSize);
        const held = model.pages.get((vma.start + at) / pageSize);
        const expected = held ?? base(at);
        if (page.equals(expected)) continue;
        if (wrong++ < shown)
          problems.push(describe(pid, vma, at, page, expected, model.historyOf((vma.start + at) / pageSize)));
      }
    }
  } finally {
    closeSync(memory);
  }
  if (wrong > shown) problems.push(`process ${pid}: ${wrong} wrong pages in all`);
  return { problems, pages };
}

/** `path` leads to the object: it is opened anew. */
export function compareObject(key: string, path: string, model: PageModel): string[] {
  const problems: string[] = [];
  const fd = openSync(path, 'r');
  const actual = readWhole(fd, 0, fstatSync(fd).size);
  closeSync(fd);
  for (let at = 0; at < actual.length; at += pageSize) {
    const expected = model.pages.get(at / pageSize) ?? zeroPage;
    if (!actual.subarray(at, at + pageSize).equals(expected))
      problems.push(`object ${key}: the page at ${at} differs`);
  }
  return problems.slice(0, shown);
}

/** What an untouched page of the mapping holds. */
function baseContent(
  pid: number,
  vma: Vma,
  objectOf: (key: string) => PageModel | undefined,
): (at: number) => Buffer {
  if (vma.inode === 0) return () => zeroPage;
  if (objectKind(vma) !== undefined) {
    const object = objectOf(objectKey(vma));
    return (at) => object?.pages.get((vma.offset + at) / pageSize) ?? zeroPage;
  }
  const fd = openSync(`/proc/${pid}/map_files/${vma.start.toString(16)}-${vma.end.toString(16)}`, 'r');
  const file = readWhole(fd, vma.offset, vma.end - vma.start);
  closeSync(fd);
  return (at) => file.subarray(at, at + pageSize);
}

/** What cannot be read is zero: a mapping may reach past the end of its file (ld.so maps libraries so, for a moment). */
function readWhole(fd: number, from: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length;) {
    const got = readSome(fd, bytes.subarray(at), from + at);
    if (got === 0) break;
    at += got;
  }
  return bytes;
}

/** How far it came; a page that cannot be read (EIO) is passed over. */
function readSome(fd: number, into: Buffer, from: number): number {
  try {
    return readSync(fd, into, 0, into.length, from);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error;
    return pageSize - (from % pageSize);
  }
}

function describe(
  pid: number,
  vma: Vma,
  at: number,
  actual: Buffer,
  expected: Buffer,
  history: string,
): string {
  const first = actual.findIndex((byte, i) => byte !== expected[i]);
  const where = `0x${(vma.start + at).toString(16)} (${vma.path === '' ? 'anonymous' : vma.path} +${at / pageSize} pages)`;
  const values = `${actual[first] ?? -1} is ${expected[first] ?? -1} there`;
  return `process ${pid}: page ${where}, ${history}, differs from byte ${first} on: ${values} (${pagemapWord(pid, vma.start + at)})`;
}

/** Tells whose fault it is: a page that is still write-protected was written past the kernel's protection. Documentation/admin-guide/mm/pagemap.rst. */
function pagemapWord(pid: number, address: number): string {
  const words = new BigUint64Array(1);
  const fd = openSync(`/proc/${pid}/pagemap`, 'r');
  native.pagemapRead(fd, address, 1, words);
  closeSync(fd);
  const word = words[0] ?? 0n;
  const bits = { present: 63n, swap: 62n, file: 61n, protected: 57n, exclusive: 56n, 'soft-dirty': 55n };
  const set = Object.entries(bits).filter(([, bit]) => ((word >> bit) & 1n) === 1n);
  return [...set.map(([name]) => name), `frame ${(word & ((1n << 55n) - 1n)).toString(16)}`].join(' ');
}

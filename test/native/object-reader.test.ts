// Copies of what no name leads to (pages/shared-objects.ts), with a file in place of the object and a list in place of the target.
import { closeSync, fstatSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { objectKey, SharedObjectReader } from '../../src/source/pages/shared-objects.ts';
import type { PageFrameInfo, PageSink, PageSinkBlock } from '../../src/source/pages/page-sink.ts';
import { pageSize } from '../../src/units.ts';

const directory = mkdtempSync(join(tmpdir(), 'godwit-object-'));
const path = join(directory, 'object');
const fd = openSync(path, 'w+');
t.teardown(() => {
  closeSync(fd);
  rmSync(directory, { recursive: true, force: true });
});

/** Remembers which pages were sent. */
class Listener implements PageSink {
  pages: number[] = [];
  acquire(): Promise<PageSinkBlock> {
    return Promise.resolve({ payload: new Uint8Array(256 * pageSize) });
  }
  release(): void {
    // nothing is kept
  }
  send(_block: PageSinkBlock, info: PageFrameInfo): number {
    return this.sendZero(info);
  }
  sendZero({ runs, runCount }: PageFrameInfo): number {
    for (let i = 0; i < runCount; i++)
      for (let at = 0; at < (runs[2 * i + 1] ?? 0); at += pageSize)
        this.pages.push(((runs[2 * i] ?? 0) + at) / pageSize);
    return 0;
  }
}

await t.test('what the target has cut is sent again, and nothing else', async (t) => {
  const { dev, ino } = fstatSync(fd);
  const key = objectKey({
    devMajor: (dev >>> 8) & 0xfff,
    devMinor: (dev & 0xff) | ((dev >>> 12) & 0xfff00),
    inode: ino,
    path: '',
  });
  const reader = SharedObjectReader.open(1, path, key);
  if (reader === undefined) throw new Error('the object is another one');
  const pages = 600; // of three blocks
  for (let page = 0; page < pages; page++) writeSync(fd, Buffer.alloc(pageSize, 1 + (page % 250)));
  const sent = async (size: number): Promise<number[]> => {
    const sink = new Listener();
    reader.truncated(size);
    await reader.send(1, sink);
    return sink.pages;
  };
  const from = (first: number): number[] => Array.from({ length: pages - first }, (_, i) => first + i);
  const whole = pages * pageSize;
  t.same(await sent(whole), from(0));
  t.same(await sent(whole), [], 'nothing has changed');
  t.same(await sent(300 * pageSize), from(300), 'inside of a block');
  t.same(await sent(256 * pageSize), from(256), 'between two blocks');
  t.same(await sent(10 * pageSize + 17), from(10), 'inside of a page');
  t.same(await sent(0), from(0), 'all of it');
  ftruncateSync(fd, 5 * pageSize);
  t.same(await sent(5 * pageSize), [], 'it was cut on both sides');
  reader.close();
});

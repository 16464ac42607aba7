// Guards in the page tables of another process, found in two ways.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import t from 'tap';
import { runsOf, runsOfSet } from '../../src/kernel/page-runs.ts';
import { readMaps } from '../../src/kernel/proc/maps.ts';
import { native } from '../../src/native.ts';
import { sharedWithGuards } from '../../src/source/pages/guard-pages.ts';

const lacks = native.probe('guard-regions') === 0 ? false : 'this kernel has no guard regions';
const skip = process.geteuid?.() === 0 ? lacks : 'looking into the page tables of others needs root';
const einval = -22;

/** Eight pages, four of them touched; guards on the second (untouched) and the sixth (touched). Private, then shared. */
const guarded = [
  'import ctypes,mmap,sys,time',
  'libc=ctypes.CDLL(None)',
  'for flags in (mmap.MAP_PRIVATE,mmap.MAP_SHARED):',
  '  at=mmap.mmap(-1,8*4096,flags|mmap.MAP_ANONYMOUS)',
  '  start=ctypes.addressof(ctypes.c_char.from_buffer(at))',
  '  for page in range(4,8): at[page*4096]=7',
  '  done=[libc.madvise(ctypes.c_void_p(start+page*4096),4096,102) for page in (1,5)]',
  '  print(start,done[1],flush=True)',
  '  keep=at if flags==mmap.MAP_PRIVATE else (keep,at)',
  'time.sleep(100)',
].join('\n');

void t.test(
  'guards are found by their words, and by a scan where the kernel knows them',
  { skip },
  async (t) => {
    const child = spawn('/usr/bin/python3', ['-c', guarded], { stdio: ['ignore', 'pipe', 'inherit'] });
    t.teardown(() => child.kill('SIGKILL'));
    let said = '';
    while (said.split('\n').length < 3) {
      const [data] = (await once(child.stdout, 'data')) as [Buffer];
      said += data.toString();
    }
    const [[start = 0] = [], [sharedStart = 0, sharedResult = -1] = []] = said
      .split('\n')
      .map((line) => line.split(' ').map(Number));
    const pid = child.pid ?? 0;
    const fd = openSync(`/proc/${pid}/pagemap`, 'r');
    t.teardown(() => {
      closeSync(fd);
    });
    const { runs, count } = runsOf([{ start, end: start + 8 * 4096 }]);
    const expected = [start + 4096, 4096, start + 5 * 4096, 4096];

    const byWords = new native.PageSet();
    t.equal(byWords.addGuardWords(fd, runs, count), 0);
    const found = runsOfSet(byWords);
    t.strictSame([...found.runs.subarray(0, 2 * found.count)], expected, 'by their words');

    const byScan = new native.PageSet();
    const scanned = byScan.addGuards(fd);
    const seen = [...runsOfSet(byScan).runs];
    if (scanned === einval) t.comment('this kernel does not report guards (before 6.15)');
    else
      t.ok(
        expected.every((word) => seen.includes(word)),
        'by a scan of everything',
      );

    const shared = [...sharedWithGuards(pid, readMaps(pid) ?? [])].map((vma) => vma.start);
    t.strictSame(shared, sharedResult === 0 ? [sharedStart] : [], 'those in shared memory are told apart');
  },
);

void t.test('a process that ends while it is looked at has none', { skip }, async (t) => {
  const child = spawn('/usr/bin/sleep', ['100'], { stdio: 'ignore' });
  const maps = readMaps(child.pid ?? 0) ?? [];
  t.ok(maps.length > 0, 'its mappings were seen');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const shared = maps.map((vma) => ({ ...vma, shared: true }));
  t.equal(sharedWithGuards(child.pid ?? 0, shared).size, 0);
});

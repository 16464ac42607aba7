// What several threads find in the page tables of a large memory is what one finds. On this very process: a gigabyte of addresses, little of it
// there.
import { closeSync, openSync } from 'node:fs';
import t from 'tap';
import { runLocal } from '../../src/kernel/local-program.ts';
import { Program } from '../../src/kernel/program.ts';
import { noRuns, ownedRuns, runsInside, runsOfSet, setOf, unbackedRuns } from '../../src/kernel/page-runs.ts';
import type { PageRuns } from '../../src/kernel/page-runs.ts';
import { native } from '../../src/native.ts';
import { ownedMethod } from '../../src/native-pages.ts';
import { pageSize } from '../../src/units.ts';

const mib = 1 << 20;
const block = 2 * mib;
const length = 1024 * mib;
/** UFFD_FEATURE_WP_UNPOPULATED | UFFD_FEATURE_WP_ASYNC */
const features = (1 << 13) | (1 << 15);

function attempt(name: 'mmap' | 'munmap' | 'madvise' | 'userfaultfd', ...args: number[]): number {
  const program = new Program();
  const result = program.attempt(name, ...args);
  return runLocal(program).number(result);
}

const pagemapFd = openSync('/proc/self/pagemap', 'r');
const uffd = attempt('userfaultfd', 1);
const works = uffd >= 0 && native.uffdApi(uffd, features) >= 0;
const skip = works ? false : 'this kernel has no asynchronous write protection by userfaultfd';
/** Two mappings with a hole between them, aligned to blocks; small pages only. */
const room = attempt('mmap', 0, length + 2 * block, 3, 0x4022, -1, 0); // MAP_NORESERVE too
const at = Math.ceil(room / block) * block;
const hole = at + 600 * mib;
attempt('madvise', room, length + 2 * block, 15); // MADV_NOHUGEPAGE
attempt('munmap', hole, 8 * mib);
const ranges: PageRuns = {
  runs: Float64Array.of(at, hole - at, hole + 8 * mib, at + length - hole - 8 * mib),
  count: 2,
};
t.teardown(() => {
  closeSync(pagemapFd);
  if (uffd >= 0) closeSync(uffd);
});

/** Of each third block one page, of each fifth two more; what is in the hole fails, and nothing is there. */
function write(byte: number): void {
  for (let i = 0; i < length / block; i++) {
    const pages = [...(i % 3 === 0 ? [i % 512] : []), ...(i % 5 === 0 ? [7, 8] : [])];
    for (const page of pages)
      native.writeMemory(
        process.pid,
        Float64Array.of(at + i * block + page * pageSize, pageSize),
        1,
        new Uint8Array(pageSize).fill(byte),
      );
  }
}

t.test('pages that were written', { skip }, (t) => {
  for (let i = 0; i < ranges.count; i++)
    t.equal(native.uffdRegisterWp(uffd, ranges.runs[2 * i] ?? 0, ranges.runs[2 * i + 1] ?? 0), 0);
  t.equal(setOf().addWritten(pagemapFd, true), 0); // from here on
  write(1);
  const [one, several] = [setOf(), setOf()];
  t.equal(one.addWritten(pagemapFd, false), 0);
  t.equal(several.addWrittenInside(pagemapFd, ranges.runs, ranges.count), 0);
  t.ok(several.pages() > 300, `${several.pages()} pages`);
  t.same([...runsOfSet(several).runs], [...runsInside(one, ranges).runs]); // whose scan reports mappings that nobody tracks, too
  const onlyFirst = setOf();
  t.equal(onlyFirst.addWrittenInside(pagemapFd, ranges.runs, 1), 0);
  several.remove(ranges.runs.subarray(2), 1);
  t.same([...runsOfSet(onlyFirst).runs], [...runsOfSet(several).runs], 'and nothing outside');
  t.end();
});

t.test('pages that are owned', (t) => {
  write(2);
  // Many ranges, of which some hold nothing.
  const candidates = setOf();
  for (let i = 0; i < length / block; i++)
    for (let page = 0; page < 10; page += 2)
      candidates.add(Float64Array.of(at + i * block + page * pageSize, pageSize), 1);
  candidates.remove(Float64Array.of(hole, 8 * mib), 1);
  const asked = runsOfSet(candidates);
  t.ok(asked.count > 2000);
  for (const method of Object.values(ownedMethod)) {
    const found = setOf();
    t.equal(found.addOwned(pagemapFd, asked.runs, asked.count, method), 0);
    const wanted = ownedRuns(pagemapFd, asked, method);
    if (typeof wanted === 'number') throw new Error(`errno ${-wanted}`);
    t.ok(wanted.count > 100);
    t.same([...runsOfSet(found).runs], [...runsOfSet(setOf(wanted)).runs], `method ${method}`);
  }
  const none = setOf();
  t.equal(none.addOwned(pagemapFd, noRuns.runs, 0, ownedMethod.classic), 0);
  t.equal(none.pages(), 0);
  t.end();
});

t.test('blocks without a page table, looked for ahead', (t) => {
  write(3);
  const held = setOf(ranges);
  // Unmapped as a whole: their tables are gone.
  for (const i of [3, 100, 101, 511]) {
    if (i * block >= hole - at && i * block < hole - at + 8 * mib) continue;
    attempt('munmap', at + i * block, block);
  }
  const sought = (): number[] => {
    const found = unbackedRuns(held, pagemapFd);
    if (typeof found === 'number') throw new Error(`errno ${-found}`);
    return [...found.runs];
  };
  const wanted = sought();
  t.ok(wanted.length > 0);
  held.beginUnbacked(pagemapFd);
  // Its answer is of now: what happens later is not in it, and what came into the set later is looked at.
  t.same(sought(), wanted);
  t.same(sought(), wanted, 'and once more without');
  held.beginUnbacked(pagemapFd);
  held.beginUnbacked(pagemapFd); // begun anew
  held.add(Float64Array.of(at + length + block, pageSize), 1);
  const more = sought();
  t.same(more.slice(0, wanted.length - 2), wanted.slice(0, -2));
  setOf(ranges).beginUnbacked(pagemapFd); // never asked for: ends with its set
  const small = setOf({ runs: Float64Array.of(at + 3 * block, pageSize), count: 1 });
  small.beginUnbacked(pagemapFd);
  t.same([...(unbackedRuns(small, pagemapFd) as PageRuns).runs], [at + 3 * block, pageSize]);
  t.end();
});

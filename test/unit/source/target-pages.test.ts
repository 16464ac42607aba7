// What the agent knows of the target's pages (pages/target-pages.ts), without a process.
import t from 'tap';
import { runsOfSet, setOf, type PageRuns } from '../../../src/kernel/page-runs.ts';
import { TargetPages } from '../../../src/source/pages/target-pages.ts';
import type { DirtyPages } from '../../../src/source/trackers/tracker.ts';
import { pageSize } from '../../../src/units.ts';

const pages = (...numbers: number[]): PageRuns =>
  runsOfSet(setOf(...numbers.map((n) => ({ runs: Float64Array.of(n * pageSize, pageSize), count: 1 }))));
const numbers = ({ runs, count }: PageRuns): number[] =>
  Array.from({ length: count }, (_, i) =>
    Array.from({ length: (runs[2 * i + 1] ?? 0) / pageSize }, (_, k) => (runs[2 * i] ?? 0) / pageSize + k),
  ).flat();
const everything = pages(...Array.from({ length: 16 }, (_, i) => i + 1));

function collection(dirty: PageRuns, gone: PageRuns): DirtyPages {
  return {
    ...dirty,
    pages: numbers(dirty).length,
    gone: { set: setOf(gone), ranges: pages() },
    untracked: [],
    owed: 0,
    outside: false,
    replaced: false,
  };
}

t.test('what was given back is not current until it was sent again', (t) => {
  const target = new TargetPages();
  target.collected(collection(pages(1, 2, 3), pages()));
  target.sent(pages(1, 2, 3));
  t.same(numbers(target.current(everything)), [1, 2, 3]);
  target.collected(collection(pages(), pages(2, 3)));
  t.same(numbers(target.current(everything)), [1]);
  // Read, and the process's own once more without a write: nothing is reported, the target still has what it had before.
  target.collected(collection(pages(), pages()));
  t.same(numbers(target.current(everything)), [1], 'a child must not inherit it');
  target.collected(collection(pages(3), pages()));
  target.sent(pages(3));
  t.same(numbers(target.current(everything)), [1, 3]);
  t.end();
});

t.test('what a child does not own of its clone is not current', (t) => {
  const parent = new TargetPages();
  parent.collected(collection(pages(1, 2), pages()));
  parent.sent(pages(1, 2));
  const child = new TargetPages();
  child.inherit(parent, pages(2));
  t.same(numbers(child.current(everything)), [2]);
  t.end();
});

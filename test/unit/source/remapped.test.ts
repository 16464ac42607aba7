// What the target loses by a layout that looks different for a round is known, and what the program replaced itself is not taken for it.
import t from 'tap';
import type { TreeLayout } from '../../../src/images/layout.ts';
import type { Mapping } from '../../../src/images/memory.ts';
import { noFlags } from '../../../src/source/mapping-flags.ts';
import { remapped } from '../../../src/source/remapped.ts';

const mapping = (start: number, end: number, more: Partial<Mapping> = {}): Mapping => ({
  ...{ kind: 'file', start, end, protection: 3, shared: false, source: 1 },
  ...noFlags,
  writable: true,
  offset: start,
  ...more,
});
const layout = (spaces: [id: number, mappings: Mapping[]][], inherits = false): TreeLayout => ({
  root: 1,
  processes: spaces.map(([pid]) => ({
    ...{ pid, ppid: pid - 1, pgid: 1, sid: 1, threads: [pid], exitSignal: 17, inherits },
  })),
  spaces: spaces.map(([id, mappings]) => ({ id, mappings })),
  files: [],
  objects: [],
});
const rangesOf = (before: TreeLayout | undefined, now: TreeLayout): unknown =>
  remapped(before, now).map(({ space, ranges: { runs } }) => [space, ...runs]);

t.test('flags that could not be read for a round', (t) => {
  const torn = layout([[1, [mapping(0x1000, 0x5000, { writable: false })]]]);
  const split = layout([[1, [mapping(0x1000, 0x2000, { protection: 1 }), mapping(0x2000, 0x5000)]]]);
  t.same(rangesOf(torn, split), [[1, 0x1000, 0x1000, 0x2000, 0x3000]]);
  t.same(rangesOf(split, torn), [[1, 0x1000, 0x1000, 0x2000, 0x3000]]);
  t.same(rangesOf(split, split), []);
  t.same(rangesOf(undefined, split), []);
  t.end();
});

t.test('what the program mapped there itself is collected anyway', (t) => {
  const file = layout([[1, [mapping(0x1000, 0x5000)]]]);
  const other = layout([[1, [mapping(0x1000, 0x5000, { source: 2 })]]]);
  const moved = layout([[1, [mapping(0x1000, 0x5000, { offset: 0 })]]]);
  const joined = layout([[1, [mapping(0x1000, 0x3000), mapping(0x3000, 0x5000)]]]);
  for (const now of [other, moved, joined]) t.same(rangesOf(file, now), []);
  t.end();
});

t.test('a child begins with what its parent has', (t) => {
  const parent: [number, Mapping[]] = [1, [mapping(0x1000, 0x3000)]];
  const child: [number, Mapping[]] = [2, [mapping(0x1000, 0x3000, { writable: false })]];
  t.same(rangesOf(layout([parent]), layout([parent, child], true)), [[2, 0x1000, 0x2000]]);
  t.same(
    rangesOf(layout([parent]), layout([parent, child])),
    [],
    'without its parent’s content it begins empty',
  );
  t.end();
});

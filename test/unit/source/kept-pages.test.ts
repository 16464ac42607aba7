import t from 'tap';
import type { TreeLayout } from '../../../src/images/layout.ts';
import { mappingSchema, sharedObjectSchema, type Mapping } from '../../../src/images/memory.ts';
import { keptPages } from '../../../src/source/kept-pages.ts';

const page = 4096;

function mapping(start: number, end: number, more: Partial<Mapping> = {}): Mapping {
  return mappingSchema.parse({ start: start * page, end: end * page, protection: 3, shared: false, kind: 'anonymous', ...more });
} // prettier-ignore

function layout(spaces: Record<number, Mapping[]>, sizes: Record<number, number> = {}): TreeLayout {
  return {
    root: 1,
    processes: [],
    spaces: Object.entries(spaces).map(([id, mappings]) => ({ id: Number(id), mappings })),
    files: [],
    objects: Object.entries(sizes).map(([id, size]) =>
      sharedObjectSchema.parse({ id: Number(id), kind: 'memfd', size }),
    ),
  };
}

/** [kind, space, pages that are kept as pairs start, end]. */
function kept(before: TreeLayout | undefined, now: TreeLayout): unknown[] {
  return keptPages(before, now).map(({ of, kept: { runs, count } }) => [
    of.kind,
    of.space,
    ...Array.from({ length: count }, (_, i) => [
      (runs[2 * i] ?? 0) / page,
      ((runs[2 * i] ?? 0) + (runs[2 * i + 1] ?? 0)) / page,
    ]),
  ]);
}

void t.test('the first layout takes nothing', (t) => {
  t.strictSame(kept(undefined, layout({ 7: [mapping(1, 9)] })), []);
  t.end();
});

void t.test('of a space stays what stays mapped to the same', (t) => {
  const before = layout({ 7: [mapping(10, 20), mapping(30, 40), mapping(50, 60)], 8: [mapping(1, 2)] });
  const now = layout({
    7: [
      mapping(12, 18, { protection: 1 }),
      mapping(30, 40, { kind: 'file', source: 0 }),
      mapping(45, 55),
      mapping(55, 70),
    ],
  });
  t.strictSame(kept(before, now), [
    ['space', 7, [12, 18], [50, 55], [55, 60]],
    ['space', 8],
  ]);
  t.end();
});

void t.test('of an object stays what is whole below both ends', (t) => {
  const of = (sizes: Record<number, number>): TreeLayout => layout({}, sizes);
  t.strictSame(kept(of({ 3: 10 * page }), of({ 3: 10 * page })), [], 'nothing has changed');
  t.strictSame(kept(of({ 3: 10 * page }), of({ 3: 4 * page + 1 })), [['object', 3, [0, 4]]]);
  t.strictSame(kept(of({ 3: 4 * page + 1 }), of({ 3: 10 * page })), [['object', 3, [0, 4]]]);
  t.strictSame(kept(of({ 3: page }), of({ 3: 100 })), [['object', 3]]);
  t.strictSame(kept(of({ 3: page }), of({ 4: page })), [['object', 3]]);
  t.end();
});

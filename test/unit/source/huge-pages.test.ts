// How many reserved huge pages a tree needs of its target.
import t from 'tap';
import type { Mapping } from '../../../src/images/memory.ts';
import { noFlags } from '../../../src/source/mapping-flags.ts';
import { HugePageCount } from '../../../src/source/pages/huge-pages.ts';

const [two, giga] = [2 ** 21, 2 ** 30];

function map(pages: number, size: number | undefined, more: Partial<Mapping> = {}): Mapping {
  const length = pages * (size ?? 4096);
  const pagesOf = size === undefined ? {} : { hugePage: size };
  return {
    kind: 'anonymous',
    start: 0,
    end: length,
    protection: 3,
    shared: false,
    offset: 0,
    ...noFlags,
    ...pagesOf,
    ...more,
  };
}

void t.test('what is mapped is counted, by size of page', (t) => {
  const count = new HugePageCount();
  count.add([map(3, two), map(7, undefined), map(1, giga)], 0);
  count.add([map(2, two)], 0);
  count.addObjects([
    { id: 0, kind: 'memfd', size: 2 * two, name: '', seals: 0, hugePage: two },
    { id: 1, kind: 'sysv', size: two + 5, name: '', seals: 0, hugePage: two },
    { id: 2, kind: 'memfd', size: 9 * two, name: '', seals: 0 },
  ]);
  t.same(count.all, [
    { size: two, count: 9 },
    { size: giga, count: 1 },
  ]);
  t.end();
});

void t.test('of what is not reserved only as much as was taken', (t) => {
  const count = new HugePageCount();
  count.add([map(512, two, { noReserve: true }), map(512, two, { noReserve: true })], 3 * two);
  t.same(count.all, [{ size: two, count: 3 }]);
  t.same(new HugePageCount().all, []);
  t.end();
});

void t.test('shared memory is counted with its object, a private mapping of it besides', (t) => {
  const count = new HugePageCount();
  count.add([map(4, two, { kind: 'object', source: 0, shared: true })], 4 * two);
  t.same(count.all, []);
  count.add([map(3, two, { kind: 'object', source: 0 })], 0);
  t.same(count.all, [{ size: two, count: 3 }]);
  t.end();
});

import t from 'tap';
import type { Mapping } from '../../../src/images/memory.ts';
import { layoutDifference } from '../../../src/target/layout-difference.ts';

const page = 0x1000;
function map(start: number, pages: number, more: Partial<Mapping> = {}): Mapping {
  return {
    start: start * page,
    end: (start + pages) * page,
    protection: 3,
    shared: false,
    kind: 'anonymous',
    offset: 0,
    growsDown: false,
    noReserve: false,
    locked: false,
    lockOnFault: false,
    advice: [],
    writable: false,
    ...more,
  };
}
const range = (start: number, pages: number): { start: number; end: number } => ({
  start: start * page,
  end: (start + pages) * page,
});
const none = { unmap: [], move: [], map: [], change: [] };

void t.test('equal layouts need nothing', (t) => {
  const layout = [map(1, 4), map(10, 2, { kind: 'file', source: 0, offset: 8192 })];
  t.same(layoutDifference(layout, layout), none);
  t.same(layoutDifference([], []), none);
  t.end();
});

void t.test('what vanished is unmapped, neighbours at once', (t) => {
  const { unmap } = layoutDifference([map(1, 4), map(5, 1, { protection: 1 }), map(9, 1)], [map(9, 1)]);
  t.same(unmap, [range(1, 5)]);
  t.end();
});

void t.test('a heap that grew keeps its pages and gets new ones behind them', (t) => {
  const { map: added, unmap } = layoutDifference([map(1, 4)], [map(1, 6)]);
  t.same(added, [map(5, 2, { offset: 4 * page })]);
  t.same(unmap, []);
  t.end();
});

void t.test('another protection keeps the content, piece by piece', (t) => {
  const { change, map: added } = layoutDifference(
    [map(1, 2), map(3, 2, { protection: 1 })],
    [map(1, 4, { protection: 5 })],
  );
  t.same(change, [{ what: 'protect', protection: 5, ...range(1, 4) }]);
  t.same(added, []);
  t.end();
});

void t.test('another file, another offset, or sharing replaces the content', (t) => {
  const file = map(1, 4, { kind: 'file', source: 0, offset: 0 });
  for (const other of [{ source: 1 }, { offset: page }, { shared: true }, { writable: true }]) {
    const wanted = { ...file, ...other };
    t.same(layoutDifference([file], [wanted]).map, [wanted], JSON.stringify(other));
  }
  t.end();
});

void t.test('the middle of a file mapping can be replaced; both ends keep their pages', (t) => {
  const file = map(1, 6, { kind: 'file', source: 0 });
  const wants = [{ ...file, end: 3 * page }, map(3, 2), { ...file, start: 5 * page, offset: 4 * page }];
  const { map: added, unmap, change } = layoutDifference([file], wants);
  t.same(added, [map(3, 2)]);
  t.same([unmap, change], [[], []]);
  t.end();
});

void t.test('advice is given, and taken back where that is possible', (t) => {
  const { change } = layoutDifference([map(1, 1, { advice: [10, 14] })], [map(1, 1, { advice: [14, 16] })]);
  t.same(change, [
    { what: 'advise', advice: 11, ...range(1, 1) },
    { what: 'advise', advice: 16, ...range(1, 1) },
  ]);
  t.end();
});

void t.test('names come and go', (t) => {
  const named = map(1, 1, { name: 'heap of mine' });
  t.same(layoutDifference([map(1, 1)], [named]).change, [
    { what: 'name', name: 'heap of mine', ...range(1, 1) },
  ]);
  t.same(layoutDifference([named], [map(1, 1)]).change, [{ what: 'name', name: '', ...range(1, 1) }]);
  t.end();
});

void t.test('the vdso moves as a whole, also onto the place of something else', (t) => {
  const vdso = map(20, 2, { kind: 'vdso', protection: 5 });
  const moved = { ...vdso, ...range(1, 2) };
  const difference = layoutDifference([map(1, 4), vdso], [moved, map(3, 2), map(20, 2)]);
  t.same(difference.move, [{ kind: 'vdso', from: 20 * page, to: page, length: 2 * page }]);
  t.same(difference.unmap, [range(1, 2)], 'what stood there goes first');
  t.same(difference.map, [map(20, 2)], 'and its old place is used again');
  t.end();
});

void t.test('a vdso that nobody wants goes', (t) => {
  const vdso = map(20, 2, { kind: 'vdso', protection: 5 });
  t.same(layoutDifference([vdso], []), { ...none, unmap: [range(20, 2)] });
  t.end();
});

void t.test('of huge pages whole ones go, whatever comes in their place', (t) => {
  const hugePage = 0x20_0000;
  const huge = map(0x4_0000, 1024, { hugePage });
  const kept = map(0x4_0000, 512, { hugePage });
  const small = map(0x4_0203, 2);
  t.same(layoutDifference([huge], [kept, small]), {
    ...none,
    unmap: [range(0x4_0200, 512)],
    map: [small],
  });
  t.same(layoutDifference([huge], [map(0x4_0000, 1024)]), {
    ...none,
    unmap: [range(0x4_0000, 1024)],
    map: [map(0x4_0000, 1024)],
  });
  t.same(layoutDifference([map(0x4_0000, 1024)], [huge]), { ...none, map: [huge] });
  t.end();
});

void t.test('private huge pages are writable until all of them are there', (t) => {
  const hugePage = 0x20_0000;
  const before = map(0x4_0000, 512, { hugePage });
  t.same(layoutDifference([before], [map(0x4_0000, 512, { hugePage, protection: 1 })]), none);
  const shared = map(0x4_0000, 512, { hugePage, shared: true });
  t.same(layoutDifference([shared], [{ ...shared, protection: 1 }]), {
    ...none,
    change: [{ what: 'protect', protection: 1, ...range(0x4_0000, 512) }],
  });
  t.end();
});

void t.test('memory with PROT_EXEC alone can be read until all pages are there', (t) => {
  const code = map(1, 2, { protection: 4 });
  t.same(layoutDifference([map(1, 2, { protection: 5 })], [code]), none);
  t.same(layoutDifference([map(1, 2)], [code]), {
    ...none,
    change: [{ what: 'protect', protection: 5, ...range(1, 2) }],
  });
  t.same(layoutDifference([], [code]).map, [code], 'what is mapped is told as it will be');
  t.end();
});

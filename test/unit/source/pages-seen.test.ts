// Which mappings count as a whole (trackers/seen-mappings.ts), without a process.
import t from 'tap';
import { parseMaps } from '../../../src/kernel/proc/maps.ts';
import type { Vma } from '../../../src/kernel/proc/maps.ts';
import { SeenMappings } from '../../../src/source/trackers/seen-mappings.ts';

function maps(...lines: string[]): Vma[] {
  return parseMaps(`${lines.join('\n')}\n`);
}
const anonymous = (range: string): string => `${range} rw-p 00000000 00:00 0 `;
const file = (range: string, offset: string, inode: number): string =>
  `${range} rw-p ${offset} 08:01 ${inode} /f`;

function ranges(seen: SeenMappings): string[] {
  const { runs, count } = seen.ranges();
  return Array.from({ length: count }, (_, i) => {
    const start = runs[2 * i] ?? 0;
    return `${start.toString(16)}-${(start + (runs[2 * i + 1] ?? 0)).toString(16)}`;
  });
}

function after(first: Vma[], second: Vma[]): string[] {
  const seen = new SeenMappings();
  seen.look(first);
  seen.settle();
  seen.look(second);
  return ranges(seen);
}

t.test('everything is new at first, and nothing when nothing changed', (t) => {
  const seen = new SeenMappings();
  seen.look(maps(anonymous('1000-3000'), anonymous('5000-6000')));
  t.same(ranges(seen), ['1000-3000', '5000-6000']);
  t.same(after(maps(anonymous('1000-3000')), maps(anonymous('1000-3000'))), []);
  t.end();
});

t.test('what grew is new where it grew, what was split is not', (t) => {
  t.same(after(maps(anonymous('2000-4000')), maps(anonymous('1000-6000'))), ['1000-2000', '4000-6000']);
  t.same(after(maps(anonymous('1000-6000')), maps(anonymous('1000-2000'), anonymous('3000-6000'))), []);
  t.end();
});

t.test('another file, or another place in it, is new', (t) => {
  const before = maps(file('1000-4000', '00000000', 5));
  t.same(after(before, maps(file('1000-4000', '00000000', 6))), ['1000-4000']);
  t.same(after(before, maps(file('1000-4000', '00001000', 5))), ['1000-4000']);
  t.same(after(before, maps(anonymous('1000-2000'), file('2000-4000', '00001000', 5))), ['1000-2000']);
  t.end();
});

t.test('what went and came back is new, also if nobody collected in between', (t) => {
  const seen = new SeenMappings();
  const there = maps(anonymous('1000-2000'), anonymous('8000-9000'));
  seen.look(there);
  seen.settle();
  seen.look(maps(anonymous('8000-9000')));
  seen.look(there);
  t.same(ranges(seen), ['1000-2000']);
  seen.settle();
  t.same(ranges(seen), []);
  t.end();
});

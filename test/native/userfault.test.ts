// What is registered where a mapping was replaced by a larger one after it had been read: never a part of it, which the kernel would
// split off, so that mremap of both fails.
import { closeSync, openSync } from 'node:fs';
import t from 'tap';
import type { Test } from 'tap';
import { runLocal } from '../../src/kernel/local-program.ts';
import { errnoName, Program } from '../../src/kernel/program.ts';
import { native } from '../../src/native.ts';
import { pageSize } from '../../src/units.ts';

type Name = 'mmap' | 'munmap' | 'mremap' | 'userfaultfd';

/** UFFD_FEATURE_WP_UNPOPULATED | UFFD_FEATURE_WP_ASYNC */
const features = (1 << 13) | (1 << 15);
const pages = (start: number, count: number): [number, number] => [start, count * pageSize];

/** The result, or a negative errno. */
function call(name: Name, ...args: number[]): number {
  const program = new Program();
  const result = program.attempt(name, ...args);
  return runLocal(program).number(result);
}

const anyMap = (count: number): number => call('mmap', 0, count * pageSize, 3, 0x22, -1, 0);
const grown = (at: number, count: number): string | number => {
  const to = call('mremap', ...pages(at, count), (count + 1) * pageSize, 1);
  if (to < 0) return errnoName(to);
  call('munmap', ...pages(to, count + 1));
  return 0;
};

const uffd = call('userfaultfd', 1);
const works = uffd >= 0 && native.uffdApi(uffd, features) >= 0;
const skip = works ? false : 'this kernel has no asynchronous write protection by userfaultfd';
const pagemapFd = openSync('/proc/self/pagemap', 'r');
t.teardown(() => {
  closeSync(pagemapFd);
  if (uffd >= 0) closeSync(uffd);
});

/** Registers what was read: ranges, each in its stretch. */
function register(
  ranges: number[],
  stretches: number[],
  clear: boolean,
): { fresh: number; status: number[] } {
  const status = new Int32Array(ranges.length / 2);
  const known = [Float64Array.from(ranges), Float64Array.from(stretches)] as const;
  const fresh = native.uffdRegisterNew(uffd, pagemapFd, ...known, status.length, false, clear, status);
  return { fresh, status: [...status] };
}

/** Room for so many pages in which nothing is mapped; the test has this process for itself. */
function room(t: Test, count: number): number {
  const at = anyMap(count);
  call('munmap', ...pages(at, count));
  t.teardown(() => call('munmap', ...pages(at, count)));
  return at;
}
const mapAt = (at: number, count: number): number => call('mmap', ...pages(at, count), 3, 0x10_0022, -1, 0);

t.test('a part alone is split off, and mremap fails: what this is about', { skip }, (t) => {
  const at = mapAt(room(t, 16), 8);
  t.equal(native.uffdRegisterWp(uffd, ...pages(at + 2 * pageSize, 2)), 0);
  t.equal(grown(at, 8), 'EFAULT');
  t.end();
});

for (const clear of [false, true]) {
  t.test(`with its stretch the larger mapping stays in one piece (clear: ${clear})`, { skip }, (t) => {
    const base = room(t, 16);
    const at = mapAt(base + pageSize, 8);
    const stale = pages(at + 2 * pageSize, 2);
    t.same(register(stale, pages(base, 16), clear), { fresh: 1, status: [1] });
    t.same(register(stale, pages(base, 16), clear), { fresh: 0, status: [0] });
    t.equal(grown(at, 8), 0);
    t.end();
  });

  t.test(`a stretch with something that cannot be tracked in it (clear: ${clear})`, { skip }, (t) => {
    const base = room(t, 16);
    const at = mapAt(base, 2);
    const fd = openSync('/proc/self/exe', 'r');
    const file = call('mmap', ...pages(base + 4 * pageSize, 1), 1, 0x10_0001, fd, 0); // MAP_SHARED of what is read-only
    closeSync(fd);
    t.ok(file > 0);
    const next = mapAt(base + 8 * pageSize, 2);
    const known = [...pages(at, 2), ...pages(next, 2)];
    const stretch = pages(base, 16);
    t.same(
      register(known, [...stretch, ...stretch], clear),
      { fresh: 2, status: [1, 1] },
      'each by itself then',
    );
    t.same(register(pages(file, 1), pages(file, 1), clear).status.map(errnoName), ['EPERM']);
    t.end();
  });
}

t.test('where old protection may come along, a stretch ends at what was registered', { skip }, (t) => {
  const base = room(t, 16);
  const stretch = pages(base, 16);
  const first = mapAt(base, 2);
  t.same(register(pages(first, 2), stretch, true).status, [1]);
  const unseen = mapAt(base + 2 * pageSize, 2); // after maps was read
  const next = mapAt(base + 6 * pageSize, 2);
  const known = [...pages(first, 2), ...pages(next, 2)];
  t.same(register(known, [...stretch, ...stretch], true), { fresh: 1, status: [0, 1] });
  t.same(register(pages(unseen, 2), stretch, true).status, [0], 'what lay between them came along');
  // One that came in place of a registered mapping shows as unregistered the next time.
  call('munmap', ...pages(first, 2));
  mapAt(first, 2);
  const last = mapAt(base + 10 * pageSize, 2);
  const all = [...pages(first, 2), ...pages(unseen, 2), ...pages(next, 2), ...pages(last, 2)];
  t.same(register(all, [stretch, stretch, stretch, stretch].flat(), true).status, [1, 0, 0, 1]);
  t.end();
});

// What is sent next of what the target misses: wanted pages first, everything once.
import t from 'tap';
import { bytesOfRuns, missingRunsSchema } from '../../../../src/images/missing.ts';
import { MissingPages } from '../../../../src/source/post-copy/missing-pages.ts';

const page = 4096;
const missing = (space: number, ...pairs: number[]) => {
  const runs = Float64Array.from(pairs, (value) => value * page);
  return { space, runs: bytesOfRuns({ runs, count: runs.length / 2 }) };
};
const taken = (pages: MissingPages, bytes: number) => {
  const next = pages.take(bytes);
  if (next === undefined) return undefined;
  const { runs, count } = next.pages;
  return [next.space, next.urgent, ...[...runs.subarray(0, 2 * count)].map((value) => value / page)];
};

t.test('in order, as much at once as is asked for', (t) => {
  const pages = new MissingPages([missing(7, 10, 3, 20, 2), missing(8, 1, 1)]);
  t.equal(pages.bytes, 6 * page);
  t.same(taken(pages, 4 * page), [7, false, 10, 3, 20, 1]);
  t.same(taken(pages, 4 * page), [7, false, 21, 1]);
  t.same(taken(pages, 4 * page), [8, false, 1, 1]);
  t.equal(taken(pages, 4 * page), undefined);
  t.equal(pages.bytes, 0);
  t.end();
});

t.test('what is wanted comes first, with what lies behind it, and never twice', (t) => {
  const pages = new MissingPages([missing(7, 10, 100)]);
  pages.want(7, 50 * page);
  pages.want(7, 52 * page);
  pages.want(9, 52 * page);
  t.same(taken(pages, page), [7, true, 50, 16]);
  t.same(taken(pages, 50 * page), [7, false, 10, 40, 66, 0].slice(0, 4), 'the second one is on its way');
  t.equal(taken(pages, 0), undefined, 'nothing but what is wanted');
  t.equal(pages.bytes, 44 * page);
  t.end();
});

t.test('runs of a peer', (t) => {
  const read = (...pairs: number[]) =>
    missingRunsSchema.safeParse({ space: 7, runs: new Uint8Array(Float64Array.from(pairs).buffer) }).success;
  t.ok(read(page, page, 4 * page, 2 * page));
  t.notOk(read(page, 2 * page, 2 * page, page), 'overlapping');
  t.notOk(read(1, page), 'askew');
  t.notOk(read(page, 0));
  t.notOk(read(2 ** 47 - page, 2 * page), 'beyond user space');
  t.notOk(read(Number.NaN, page));
  t.notOk(read(page), 'half a run');
  t.end();
});

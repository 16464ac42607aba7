// What workers share among themselves only, after their parent has written there: one of them lends it.
import t from 'tap';
import { noRuns, pagesIn, runsInside, sameFrames, setOf, type PageRuns } from '../../src/kernel/page-runs.ts';
import { lentPages, planLoan, type Sibling } from '../../src/source/pages/siblings.ts';
import type { DirtyPages, Tracker } from '../../src/source/trackers/tracker.ts';
import { sleep } from '../helpers/commands.ts';
import { unless } from '../helpers/skip-unless.ts';
import { Workers } from '../helpers/workers.ts';

const isRoot = process.getuid?.() === 0;
const skip = isRoot ? await unless('command:cc') : 'page frames are shown to CAP_SYS_ADMIN only';
const mib = 32;
const written = (mib * 256) / 16;
const page = 4096;

function siblingsOf(workers: Workers): Sibling[] {
  const ofParent = workers.open(workers.pid, 'pagemap');
  return workers.children.map((pid) => {
    const pagemapFd = workers.open(pid, 'pagemap');
    const inherited = sameFrames(ofParent, pagemapFd, workers.common);
    if (typeof inherited === 'number') throw new Error(`errno ${-inherited}`);
    const rest = setOf(workers.common);
    rest.remove(inherited.runs, inherited.count);
    const tracker = { pagemapFd } as Tracker;
    return { tracker, vmas: [], inherited, rest: runsInside(rest, workers.common) };
  });
}

t.test('the loan is what the parent has written, and what nobody inherits from it', { skip }, async (t) => {
  using workers = await Workers.start(mib, true);
  await sleep(3000); // it writes a page in each half millisecond
  const siblings = siblingsOf(workers);
  const loan = planLoan(siblings, (pages) => pages);
  t.ok(loan !== undefined);
  if (loan === undefined) return;
  const { lender, pages, shared } = loan;
  t.ok(pagesIn(pages) > written - 64 && pagesIn(pages) <= written, `${pagesIn(pages)} pages of ${written}`);
  t.equal(shared.size, 31, 'all others have it');
  t.notOk(shared.has(lender));
  for (const { inherited } of siblings) t.equal(runsInside(setOf(pages), inherited).count, 0);
  t.equal(
    planLoan(siblings.slice(0, 2), (all) => all),
    undefined,
    'two of them alone are not worth it',
  );
  t.equal(
    planLoan(siblings, () => noRuns),
    undefined,
    'the parent must have something there',
  );
});

t.test('without a parent that writes there is nothing to lend', { skip }, async (t) => {
  using workers = await Workers.start(mib, false);
  t.equal(
    planLoan(siblingsOf(workers), (pages) => pages),
    undefined,
  );
});

t.test('what the lender has written or given back meanwhile does not count', (t) => {
  const run = (at: number, pages: number): PageRuns => ({
    runs: Float64Array.of(at * page, pages * page),
    count: 1,
  });
  const ahead = (gone: DirtyPages['gone'], replaced = false): DirtyPages => ({
    ...run(12, 1),
    pages: 1,
    gone,
    untracked: [],
    owed: 0,
    outside: false,
    replaced,
  });
  const list = ({ runs, count }: PageRuns): number[] => [...runs.subarray(0, 2 * count)].map((x) => x / page);
  t.same(
    list(lentPages(run(10, 10), ahead({ set: setOf(run(15, 1)), ranges: run(18, 2) }))),
    [10, 2, 13, 2, 16, 2],
  );
  t.same(list(lentPages(run(10, 10), ahead({ owned: setOf(run(11, 4)) }))), [11, 1, 13, 2]);
  t.equal(lentPages(run(10, 10), ahead({ owned: setOf(run(10, 10)) }, true)).count, 0);
  t.end();
});

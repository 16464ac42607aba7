// Newcomers of one generation that are cloned from one shell, and what they need not be sent each (pages/siblings.ts).
import type { Vma } from '../kernel/proc/maps.ts';
import { intersection, runsOfSet, setOf, type PageRuns } from '../kernel/page-runs.ts';
import { addCounters, newCounters, type PageCounters } from './pages/page-sink.ts';
import type { CowShare } from './pages/cow.ts';
import { planLoan, stillShared } from './pages/siblings.ts';
import type { SpaceCopy } from './space-copy.ts';
import type { SourceProcess } from './tree.ts';
import type { PageWire, VmasOf } from './wire.ts';

/** A newcomer whose shell will be cloned from its parent's. */
export interface Newcomer {
  readonly process: SourceProcess;
  readonly copy: SpaceCopy;
  readonly parent: SpaceCopy;
  readonly share: CowShare;
}

export interface Lending {
  readonly round: number;
  readonly sink: PageWire;
  readonly vmasOf: VmasOf;
  /** Runs what may find that the lender has ended; undefined: it has. */
  readonly attempt: <T>(lender: SourceProcess, work: () => Promise<T>) => Promise<T | undefined>;
}

/** Preconditions: the tree runs, all newcomers were collected, and nothing is cloned yet. What is left to be sent, by process. */
export async function lendAmongSiblings(
  newcomers: readonly Newcomer[],
  lending: Lending,
): Promise<{ readonly rest: ReadonlyMap<SourceProcess, PageRuns>; readonly counters: PageCounters }> {
  const rest = new Map(newcomers.map(({ process, share }) => [process, share.rest]));
  const counters = newCounters();
  const vmas = ({ pid }: SourceProcess): readonly Vma[] => lending.vmasOf.get(pid) ?? [];
  for (const parent of new Set(newcomers.map((one) => one.parent))) {
    const family = newcomers.filter((one) => one.parent === parent);
    const siblings = family.map(({ process, copy, share }) => copy.sibling(vmas(process), share));
    const loan = planLoan(siblings, (pages) => parent.held(pages, lending.vmasOf.get(parent.pid) ?? []));
    const lender = loan && family[loan.lender];
    const from = loan && siblings[loan.lender];
    if (loan === undefined || lender === undefined || from === undefined) continue;
    const borrow = async (): ReturnType<SpaceCopy['borrow']> =>
      parent.borrow(loan.pages, lender.copy, vmas(lender.process), lending.round, lending.sink);
    const done = await lending.attempt(lender.process, borrow);
    if (done === undefined) continue;
    addCounters(counters, done.counters);
    for (const [index, sibling] of siblings.entries()) {
      const process = family[index]?.process;
      const had = index === loan.lender ? loan.pages : loan.shared.get(index);
      if (had === undefined || process === undefined) continue;
      const lent = intersection(had, done.lent);
      const inherited = index === loan.lender ? lent : stillShared(from, sibling, lent);
      const left = setOf(sibling.rest);
      left.remove(inherited.runs, inherited.count);
      rest.set(process, runsOfSet(left));
    }
  }
  return { rest, counters };
}

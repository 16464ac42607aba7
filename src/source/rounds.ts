// What one round copies, also the last one. The tree's processes go generation by generation: a child's shell is cloned from
// its parent's once that holds the parent's pages, so that what both share by copy-on-write is sent and kept once.
import { GodwitError } from '../errors.ts';
import { lendAmongSiblings, type Lending, type Newcomer } from './families.ts';
import type { Flight } from './flight.ts';
import type { LaterPages } from './post-copy/later-pages.ts';
import type { ObjectCopies } from './object-copies.ts';
import type { Vma } from '../kernel/proc/maps.ts';
import { addCounters, newCounters, type PageCounters } from './pages/page-sink.ts';
import { noRuns, pagesIn, type PageRuns } from '../kernel/page-runs.ts';
import type { Written } from './slow-writers.ts';
import type { StagedLayout } from './staged-layout.ts';
import type { SourceProcess } from './tree.ts';
import { pageSize } from '../units.ts';
import type { PageWire, VmasOf } from './wire.ts';

export interface RoundContext {
  readonly flight: Flight;
  readonly objects: ObjectCopies;
  readonly wire: { readonly pages: PageWire };
  readonly staged: Pick<StagedLayout, 'update' | 'takeRemapped'>;
  /** Pages that may come when the tree runs on the target; in the freeze they are kept back. */
  readonly later?: LaterPages | undefined;
}

export interface Copied extends PageCounters, Written {
  /** What the next one has to copy again, whatever the tree does. */
  readonly owedBytes: number;
  /** Of `bytes`, at most: what post-copy would leave for later. */
  readonly laterBytes: number;
}

interface Collected {
  readonly process: SourceProcess;
  readonly pages: PageRuns;
  /** Bytes that come with the frozen collection only. */
  readonly owed: number;
  /** Its shell is not there yet. */
  readonly newcomer?: Newcomer;
}

/**
 * Copies what is dirty. `frozen`: every thread stands still, nothing is protected again, and nothing is waited for that is not
 * needed.
 */
export async function copyRound(context: RoundContext, round: number, frozen: boolean): Promise<Copied> {
  const { flight, objects, wire, staged, later } = context;
  const counters = newCounters();
  let owedBytes = 0;
  let laterPages = 0;
  const pagesOf = new Map<SourceProcess, number>();
  const here: Here = { flight, frozen };
  const fresh = takeAboard(here);
  // Its shell may be a new one, though there was one of this PID.
  for (const { vpid } of fresh) wire.pages.keepBases({ kind: 'space', space: vpid }, noRuns);
  const vmasOf = readVmas(here);
  for (const process of flight.owners.filter((owner) => fresh.has(owner)))
    unlessEnded(here, process, () => {
      flight.of(process).copy.arm(vmasOf.get(process.pid) ?? []);
    });
  if (frozen) objects.refreshSizes();
  else objects.refreshDescriptors(flight.living);
  objects.refreshSegments(flight.living);
  for (const { known, members } of generations(flight.living, fresh)) {
    const collected = members
      .filter((process) => flight.ownerOf(process) === process)
      .flatMap(
        (process) => unlessEnded(here, process, () => collect(flight, process, vmasOf, frozen, fresh)) ?? [],
      );
    for (const { owed } of collected) owedBytes += owed;
    const newcomers = collected.flatMap(({ newcomer }) => newcomer ?? []);
    const lending: Lending = {
      round,
      sink: wire.pages,
      vmasOf,
      attempt: async (lender, work) => untilEnded(here, lender, work),
    };
    // In the freeze the parent's pages could not come again.
    const lent = frozen ? undefined : await lendAmongSiblings(newcomers, lending);
    if (lent !== undefined) {
      addCounters(counters, lent.counters);
      owedBytes += lent.counters.bytes;
    }
    const toSend = collected.map(({ process, pages }) => ({
      process,
      pages: lent?.rest.get(process) ?? pages,
    }));
    if (members.some((process) => fresh.has(process))) await wire.pages.flush();
    await staged.update(
      flight,
      known.filter((process) => flight.has(process)),
      vmasOf,
    );
    for (const { process, pages: all } of toSend) {
      const vmas = vmasOf.get(process.pid) ?? [];
      // A child inherits none of what is kept back of its parent: the look ahead reports that (pages/cow.ts).
      const pages = frozen && later !== undefined ? later.keepBack(process, all, vmas) : all;
      if (!frozen && later !== undefined) laterPages += pagesIn(later.possible(process, pages, vmas));
      const send = async (): Promise<PageCounters> => flight.of(process).copy.send(pages, round, wire.pages);
      const sent = (await untilEnded(here, process, send)) ?? newCounters();
      addCounters(counters, sent);
      if (!fresh.has(process)) pagesOf.set(process, sent.pages);
    }
  }
  const hasRemapped = staged.takeRemapped();
  if (frozen && (flight.hasReplaced || hasRemapped)) {
    // It executed another program just before the freeze, and all of its memory is new; or the target has lost some of its pages.
    // Nothing changes any more.
    const again = await copyRound(context, round, frozen);
    addCounters(again, counters);
    return again;
  }
  objects.refresh(vmasOf, frozen);
  const ofObjects = await objects.send(round, wire.pages);
  addCounters(counters, ofObjects);
  const laterBytes = laterPages * pageSize;
  return { ...counters, vmasOf, pagesOf, sharedPages: ofObjects.pages, owedBytes, laterBytes };
}

interface Here {
  readonly flight: Flight;
  readonly frozen: boolean;
}

/** While the tree runs, its processes may end at any line: then they leave the flight, and the round goes on without them. */
function unlessEnded<T>({ flight, frozen }: Here, process: SourceProcess, work: () => T): T | undefined {
  if (!flight.has(process)) return undefined;
  try {
    return work();
  } catch (error) {
    leave(error, flight, frozen, process);
    return undefined;
  }
}

async function untilEnded<T>(
  { flight, frozen }: Here,
  process: SourceProcess,
  work: () => Promise<T>,
): Promise<T | undefined> {
  if (!flight.has(process)) return undefined;
  try {
    return await work();
  } catch (error) {
    leave(error, flight, frozen, process);
    return undefined;
  }
}

/** @throws the error, when it is not the end of a process that the flight can do without */
function leave(error: unknown, flight: Flight, frozen: boolean, process: SourceProcess): void {
  const hasEnded = error instanceof GodwitError && error.code === 'NO_PROCESS';
  if (!hasEnded || frozen || process.pid === flight.rootPid) throw error;
  flight.lose(process);
}

/** Attaches to processes that are new: forked since the last round, or all of them in round 0. */
function takeAboard(here: Here): Set<SourceProcess> {
  const { flight, frozen } = here;
  const fresh = flight.refresh(frozen);
  for (const process of fresh) {
    unlessEnded(here, process, () => {
      flight.takeAboard(process, frozen);
    });
  }
  return new Set(fresh.filter((process) => flight.has(process)));
}

function readVmas(here: Here): Map<number, readonly Vma[]> {
  const vmasOf = new Map<number, readonly Vma[]>();
  for (const process of here.flight.owners) {
    const vmas = unlessEnded(here, process, () => here.flight.layouts.vmas(process));
    if (vmas !== undefined) vmasOf.set(process.pid, vmas);
  }
  return vmasOf;
}

function collect(
  flight: Flight,
  process: SourceProcess,
  vmasOf: VmasOf,
  frozen: boolean,
  fresh: ReadonlySet<SourceProcess>,
): Collected[] {
  const { copy, inherits } = flight.of(process);
  const dirty = copy.collect(vmasOf.get(process.pid) ?? [], frozen);
  if (dirty.replaced) {
    flight.markReplaced(process);
    return [];
  }
  const { parent } = process;
  if (!inherits || parent === undefined || !fresh.has(process))
    return [{ process, pages: dirty, owed: dirty.owed }];
  const from = flight.ownerOf(parent);
  const share = copy.inherit(flight.of(from).copy, vmasOf.get(from.pid) ?? [], dirty);
  const newcomer = { process, copy, parent: flight.of(from).copy, share };
  return [{ process, pages: share.rest, owed: dirty.owed, newcomer }];
}

interface Generation {
  /** Every process that the target has after this generation was staged. */
  readonly known: readonly SourceProcess[];
  readonly members: readonly SourceProcess[];
}

/** Those that were there before go first, together; then newcomers by their depth below them. */
function generations(living: readonly SourceProcess[], fresh: ReadonlySet<SourceProcess>): Generation[] {
  const depths = new Map<number, number>();
  for (const process of living) {
    const above = process.parent === undefined ? -1 : (depths.get(process.parent.pid) ?? -1);
    depths.set(process.pid, fresh.has(process) ? above + 1 : 0);
  }
  const depthOf = ({ pid }: SourceProcess): number => depths.get(pid) ?? 0;
  const deepest = Math.max(0, ...depths.values());
  return Array.from({ length: deepest + 1 }, (_, depth) => ({
    known: living.filter((process) => depthOf(process) <= depth),
    members: living.filter((process) => depthOf(process) === depth),
  }));
}

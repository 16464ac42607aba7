// Watches a tree as a migration would, round after round, and sends nothing. The tree runs; what a tracker needs in its processes is put there
// and taken away again, by the keeper too, should this agent die.
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Keeper } from '../../kernel/keeper.ts';
import { readStat } from '../../kernel/proc/stat.ts';
import type { TreeSize } from '../costs.ts';
import type { FileIdentities } from '../file-identities.ts';
import { Flight } from '../flight.ts';
import { ObjectCopies } from '../object-copies.ts';
import { copyRound, type RoundContext } from '../rounds.ts';
import type { ChosenTracker } from '../trackers/choose.ts';
import { TreeSizer } from '../tree-size.ts';
import type { Look } from './dirty-curve.ts';
import { DryWire } from './dry-wire.ts';

/** Pauses between looks, milliseconds, over and over: rounds of a migration last so long, the short ones at its end. */
const pausesMs = [20, 50, 100, 200, 500, 1000];
/** Linux counts CPU time in these (USER_HZ). */
const tickMs = 10;

export interface Watched {
  readonly size: TreeSize;
  /** All that a first round copies. */
  readonly bytes: number;
  /** What comes again with the freeze, whatever is written. */
  readonly owedBytes: number;
  readonly looks: readonly Look[];
  /** The different pages that were written while it was watched. */
  readonly workingSetBytes: number;
  /** Pages that were found dirty, all looks together: so often its threads have faulted. */
  readonly faults: number;
  /** What its processes have used of CPUs meanwhile. */
  readonly cpuMs: number;
  readonly seconds: number;
  /** The shortest look: what a round takes beside its bytes. */
  readonly roundMs: number;
}

export interface WatchOptions {
  readonly pid: number;
  readonly seconds: number;
  readonly identities: FileIdentities;
  readonly tracker: ChosenTracker;
  readonly signal: AbortSignal;
}

/** @throws GodwitError NO_PROCESS, REFUSED, NO_RIGHTS; and what the signal says */
export async function watch(keeper: Keeper, options: WatchOptions): Promise<Watched> {
  const { pid, seconds, identities, tracker, signal } = options;
  const members = new Map<number, number>();
  const fence = {
    rescan: () =>
      [...members].filter(([pid, start]) => readStat(pid)?.startTime === start).map(([pid]) => pid),
    pids: () => [...members.keys()],
    freeze: () => undefined,
    thaw: () => undefined,
  };
  using flight = new Flight(pid, identities, fence, keeper, tracker);
  using objects = new ObjectCopies(flight.layouts);
  const pages = new DryWire();
  const staged = {
    // Shared objects get their ids when a layout names them.
    update: () => Promise.resolve(flight.layout(flight.living, flight.readVmas())),
    takeRemapped: () => false,
  };
  const context: RoundContext = { flight, objects, wire: { pages }, staged };
  const sizer = new TreeSizer();
  let round = 0;
  const look = async (): Promise<
    Awaited<ReturnType<typeof copyRound>> & { readonly at: number; readonly ms: number }
  > => {
    signal.throwIfAborted();
    const at = performance.now();
    const copied = await copyRound(context, round++, false);
    for (const process of flight.processes) members.set(process.pid, process.startTime);
    return { ...copied, at, ms: performance.now() - at };
  };
  let last = await look();
  const [{ bytes, at: began }, size] = [last, sizer.sizeOf(flight.living, last.vmasOf)];
  pages.forget();
  const looks: Look[] = [];
  const cpuBefore = cpuTicks(flight);
  let [owedBytes, faults, roundMs] = [last.owedBytes, 0, Infinity];
  for (let i = 0; looks.length < pausesMs.length || performance.now() - began < seconds * 1000; i++) {
    await sleep(pausesMs[i % pausesMs.length], undefined, { signal });
    const next = await look();
    looks.push({ ms: next.at - last.at, bytes: next.bytes });
    faults += next.pages;
    owedBytes = next.owedBytes;
    roundMs = Math.min(roundMs, next.ms);
    last = next;
  }
  return {
    size,
    bytes,
    owedBytes,
    looks,
    workingSetBytes: pages.touchedBytes,
    faults,
    cpuMs: (cpuTicks(flight) - cpuBefore) * tickMs,
    seconds: (performance.now() - began) / 1000,
    roundMs,
  };
}

/** A child's time is lost with it when nobody has waited for it; it is a measure, not an account. */
function cpuTicks(flight: Flight): number {
  return flight.living.reduce((sum, { pid }) => {
    const stat = readStat(pid);
    return stat === undefined ? sum : sum + stat.utime + stat.stime;
  }, 0);
}

// The story of an estimate: a tree is watched for some seconds as a migration would, and nothing leaves this host. What the migration would be
// like over links of several speeds is worked out from that.
import { randomUUID } from 'node:crypto';
import type { Blocker } from '../images/requirements.ts';
import { Keeper } from '../kernel/keeper.ts';
import type { Goals } from './converge.ts';
import { fixedCosts, referencePace, type TreeSize } from './costs.ts';
import { dirtyCurve } from './estimate/dirty-curve.ts';
import { faultCost } from './estimate/fault-cost.ts';
import { simulate, type Simulated } from './estimate/simulate.ts';
import { watch } from './estimate/watch.ts';
import { FileIdentities } from './file-identities.ts';
import { measurePace } from './rehearsal.ts';
import { surveyTree } from './survey.ts';
import { chooseTracker } from './trackers/choose.ts';
import type { TrackerKind } from './trackers/tracker.ts';
import { readSourceTree } from './tree.ts';

/** What a link carries of its own speed, in frames of 1500 bytes (Ethernet, IPv4, TCP with timestamps). */
const payloadShare = 0.941;
/** What a page connection carries at the most, bytes a second (docs/benchmarks.md). */
const mostBytesPerSecond = 1.5e9;
export const linksGbit = [1, 10, 25] as const;

export interface EstimateOptions {
  readonly pid: number;
  readonly seconds: number;
  readonly tracker: 'auto' | TrackerKind;
  readonly goals: Goals;
  readonly signal: AbortSignal;
}

export interface Estimate {
  readonly tracker: TrackerKind;
  readonly size: TreeSize;
  readonly seconds: number;
  readonly looks: number;
  /** All that would be copied at first. */
  readonly bytes: number;
  readonly workingSetBytes: number;
  /** Bytes a second, if the tree were looked at so often. */
  readonly dirtyRates: readonly { readonly everyMs: number; readonly bytesPerSecond: number }[];
  /** Of the CPU time that the tree has used while it was watched, the share that watching cost it. */
  readonly slowDown: number;
  readonly links: readonly (Simulated & { readonly gbit: number })[];
}

export type EstimateOutcome = { readonly blockers: readonly Blocker[] } | Estimate;

/** @throws GodwitError NO_PROCESS, REFUSED, NO_RIGHTS, UNSUPPORTED, CANCELLED */
export async function estimate(options: EstimateOptions): Promise<EstimateOutcome> {
  const { pid, seconds, goals, signal } = options;
  const processes = readSourceTree(pid);
  // Files and connections may depend on options of migrate, and do not matter here; what cannot be looked into does.
  const blockers = surveyTree(processes);
  if (blockers.length > 0) return { blockers };
  const tracker = chooseTracker(options.tracker);
  const identities = new FileIdentities();
  const dumpMs = await measurePace(tracker);
  const costMs = tracker.kind === 'compare' ? 0 : await faultCost(tracker, new FileIdentities());
  const keeper = await Keeper.start({ role: 'source', id: randomUUID() });
  try {
    const seen = await watch(keeper, { pid, seconds, identities, tracker, signal });
    const dirty = dirtyCurve(seen.looks, seen.bytes);
    // The target's pace is taken for ours.
    const prepareMs = (referencePace.prepareMs / referencePace.dumpMs) * dumpMs;
    const tree = { ...seen, dirty, costs: fixedCosts(seen.size, { dumpMs, prepareMs }) };
    return {
      tracker: tracker.kind,
      size: seen.size,
      seconds: seen.seconds,
      looks: seen.looks.length,
      bytes: seen.bytes,
      workingSetBytes: seen.workingSetBytes,
      dirtyRates: [50, 200, 1000].map((everyMs) => ({
        everyMs,
        bytesPerSecond: (dirty(everyMs) / everyMs) * 1000,
      })),
      slowDown: seen.cpuMs === 0 ? 0 : Math.min(1, (seen.faults * costMs) / seen.cpuMs),
      links: linksGbit.map((gbit) => ({
        gbit,
        ...simulate(tree, Math.min(mostBytesPerSecond, (gbit * 1e9 * payloadShare) / 8), goals),
      })),
    };
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    await keeper.abort();
    await keeper.close();
  }
}

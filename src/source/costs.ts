// What a freeze costs without any page: a linear model of what the tree consists of, at the pace of these two machines. The pace comes from
// the rehearsal, which has just frozen, dumped and built a small tree of a known size: a machine that took twice as long for that takes
// twice as long for all of it.
import type { FixedCosts } from './converge.ts';

/** What a tree consists of. */
export interface TreeSize {
  readonly processes: number;
  readonly threads: number;
  readonly mappings: number;
  readonly descriptors: number;
  /** Of the descriptors. */
  readonly unixSockets: number;
  /** Of the descriptors: sockets of IP, the listening ones included. */
  readonly inetSockets: number;
  /** Of resident memory: the last look for what was written walks over all of it. */
  readonly gibibytes: number;
}

/** What the rehearsal took, milliseconds; undefined: it did not work. */
export interface Pace {
  /** The fastest of all dumps on the source, the freeze included. */
  readonly dumpMs: number;
  /** The target's way from the final state to PREPARED, the fastest of some. */
  readonly prepareMs: number;
}

/** Of the machine of docs/benchmarks.md, where each cost below was measured. */
export const referencePace: Pace = { dumpMs: 20, prepareMs: 9.7 };

const noise = 0.35;

/**
 * Milliseconds: what any tree costs, and what one more of a kind costs. `stateMs` is with what the delta takes where nothing was written. Fitted to
 * 52 flights of trees of one to 121 processes, threads, sockets, descriptors and mappings.
 */
const units: Readonly<Record<'base' | keyof TreeSize, FixedCosts>> = {
  base: { freezeMs: 0.7, stateMs: 4.3, applyMs: 5.7, runMs: 2.9 },
  processes: { freezeMs: 0.016, stateMs: 1.04, applyMs: 0.26, runMs: 0 },
  threads: { freezeMs: 0.049, stateMs: 0.294, applyMs: 0.22, runMs: 0.002 },
  mappings: { freezeMs: 0, stateMs: 0.0104, applyMs: 0.0015, runMs: 0 },
  descriptors: { freezeMs: 0, stateMs: 0.044, applyMs: 0.058, runMs: 0.001 },
  unixSockets: { freezeMs: 0, stateMs: 0.165, applyMs: 0.057, runMs: 0.004 },
  inetSockets: { freezeMs: 0, stateMs: 0.8, applyMs: 0.5, runMs: 0.02 },
  gibibytes: { freezeMs: 0, stateMs: 1.2, applyMs: 0, runMs: 0 },
};

/** The pace of a machine that has not shown any is the reference's. */
export function fixedCosts(size: TreeSize, pace: Pace = referencePace): FixedCosts {
  const dump = pace.dumpMs / referencePace.dumpMs;
  const prepare = pace.prepareMs / referencePace.prepareMs;
  const here = ratio(dump, prepare);
  const there = ratio(prepare, dump);
  const sum = (part: keyof FixedCosts): number =>
    units.base[part] +
    Object.entries(size).reduce((ms, [kind, count]) => ms + units[kind as keyof TreeSize][part] * count, 0);
  return {
    freezeMs: sum('freezeMs') * here,
    stateMs: sum('stateMs') * here,
    applyMs: sum('applyMs') * there,
    runMs: sum('runMs') * there,
  };
}

/**
 * How much slower than the reference a machine is that looks so by its own half of the rehearsal (and by the other's). A rehearsal takes a third more or
 * less from one time to the next, and where one machine shows little of itself the other tells something of both: fast and slow spells of a host.
 * What disturbs it may be over a moment later: no machine is taken for much slower than it was then.
 */
function ratio(own: number, other: number): number {
  const seen = clamp(own) ** (2 / 3) * clamp(other) ** (1 / 3);
  if (seen < 1 - noise) return seen / (1 - noise);
  return seen > 1 + noise ? seen / (1 + noise) : 1;
}

const clamp = (seen: number): number => Math.min(4, Math.max(0.25, seen));

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
}

/** What the rehearsal took, milliseconds; undefined: it did not work. */
export interface Pace {
  /** The fastest of some dumps on the source, the freeze included. */
  readonly dumpMs: number;
  /** The target's way from the final state to PREPARED, the fastest of some. */
  readonly prepareMs: number;
}

/** Of the machine of docs/benchmarks.md, where each cost below was measured. */
export const referencePace: Pace = { dumpMs: 33, prepareMs: 25 };

const noise = 0.35;

/** Milliseconds: what any tree costs, and what one more of a kind costs. */
const units: Readonly<Record<'base' | keyof TreeSize, FixedCosts>> = {
  base: { freezeMs: 0.6, stateMs: 5.5, applyMs: 4.5, runMs: 2.4 },
  processes: { freezeMs: 0.04, stateMs: 1.2, applyMs: 0.75, runMs: 0.01 },
  threads: { freezeMs: 0.033, stateMs: 0.23, applyMs: 0.2, runMs: 0 },
  mappings: { freezeMs: 0, stateMs: 0.008, applyMs: 0.003, runMs: 0 },
  descriptors: { freezeMs: 0, stateMs: 0.027, applyMs: 0.052, runMs: 0.001 },
  unixSockets: { freezeMs: 0, stateMs: 0.2, applyMs: 0.12, runMs: 0 },
  inetSockets: { freezeMs: 0, stateMs: 0.35, applyMs: 0.3, runMs: 0.02 },
};

/** The pace of a machine that has not shown any is the reference's. */
export function fixedCosts(size: TreeSize, pace: Pace = referencePace): FixedCosts {
  const here = ratio(pace.dumpMs, referencePace.dumpMs);
  const there = ratio(pace.prepareMs, referencePace.prepareMs);
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
 * A rehearsal takes a third more or less from one time to the next: that says nothing. And what disturbs it may be over a moment later: no
 * machine is taken for much slower than it was then.
 */
function ratio(ms: number, referenceMs: number): number {
  const seen = Math.min(4, Math.max(0.5, ms / referenceMs));
  if (seen < 1 - noise) return seen / (1 - noise);
  return seen > 1 + noise ? seen / (1 + noise) : 1;
}

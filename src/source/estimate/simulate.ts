// What a migration would be like over a link that is not there: rounds by the dirty curve of the tree, decided on as in a real one
// (converge.ts). A pure function.
import { decide, isWorthAnother, mostAgain, type FixedCosts, type Goals, type Round } from '../converge.ts';
import type { DirtyCurve } from './dirty-curve.ts';

export interface Tree {
  /** Of round 0. */
  readonly bytes: number;
  /** What the freeze copies in any case. */
  readonly owedBytes: number;
  readonly dirty: DirtyCurve;
  readonly costs: FixedCosts;
  /** What a round takes beside its bytes. */
  readonly roundMs: number;
}

export interface Simulated {
  readonly rounds: number;
  /** With the delta. */
  readonly bytes: number;
  readonly totalMs: number;
  readonly downtimeMs: number;
  readonly converged: boolean;
  /** Why copying ends. */
  readonly reason: string;
}

/** Between the decision and the freeze, or the end of a round and the next: milliseconds. */
const preparingMs = 4;

export function simulate(tree: Tree, bytesPerSecond: number, goals: Goals): Simulated {
  const rounds: Round[] = [];
  const msOf = (bytes: number): number => (bytes / bytesPerSecond) * 1000;
  const { freezeMs, stateMs, applyMs, runMs } = tree.costs;
  const round = (bytes: number): number => {
    const ms = msOf(bytes) + tree.roundMs;
    rounds.push({ number: rounds.length, pages: bytes / 4096, bytes, owedBytes: tree.owedBytes, ms });
    return tree.dirty(ms);
  };
  for (let bytes = tree.bytes; ;) {
    bytes = round(bytes);
    const decision = decide(rounds, tree.costs, goals);
    if (decision.action === 'copy') continue;
    const most = Math.min(goals.maxRounds, rounds.length + mostAgain);
    while (decision.action === 'freeze' && rounds.length < most && isWorthAnother(rounds, preparingMs))
      bytes = round(bytes);
    const delta = bytes + tree.owedBytes;
    const downtimeMs = freezeMs + stateMs + applyMs + runMs + msOf(delta);
    return {
      rounds: rounds.length,
      bytes: rounds.reduce((sum, round) => sum + round.bytes, 0) + delta,
      totalMs: rounds.reduce((sum, round) => sum + round.ms, 0) + downtimeMs,
      downtimeMs,
      converged: decision.action === 'freeze' && decision.converged,
      reason: decision.reason,
    };
  }
}

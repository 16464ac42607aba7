// Puts the closing report together from what was measured on the way.
import { performance } from 'node:perf_hooks';
import type { TreeLayout } from '../images/layout.ts';
import { wireSpeed } from './converge.ts';
import type { FlightPlan } from './flight-plan.ts';
import type { PageCounters } from './pages/page-sink.ts';
import type { ClosingReport } from './report.ts';
import type { SlowedRound } from './throttle-policy.ts';

export interface FlightRecord {
  readonly plan: Pick<FlightPlan, 'id' | 'began' | 'wire'>;
  /** Why it was frozen, and what was expected then. */
  readonly predicted: { readonly reason: string; readonly downtimeMs: number };
  readonly layout: TreeLayout;
  readonly delta: PageCounters;
  readonly rounds: readonly SlowedRound[];
  readonly totals: PageCounters;
  readonly targetTimes: Readonly<Record<string, number>>;
  readonly forwardedConnections: number;
  readonly postCopy?: ClosingReport['postCopy'] | undefined;
  /** performance.now() at the borders of the downtime's parts. */
  readonly marks: {
    readonly frozenAt: number;
    readonly stoppedAt: number;
    readonly deltaAt: number;
    readonly sentAt: number;
    readonly preparedAt: number;
    readonly runningAt: number;
  };
}

export function closingReport({
  plan,
  predicted,
  layout,
  delta,
  rounds,
  totals,
  targetTimes,
  forwardedConnections,
  postCopy,
  marks,
}: FlightRecord): ClosingReport {
  const alive = layout.processes.filter(({ zombie }) => zombie === undefined);
  return {
    kind: 'closing',
    status: 'completed',
    id: plan.id,
    totalMs: performance.now() - plan.began,
    downtimeMs: marks.runningAt - marks.frozenAt,
    predictedDowntimeMs: predicted.downtimeMs,
    downtime: {
      freezeMs: marks.stoppedAt - marks.frozenAt,
      deltaMs: marks.deltaAt - marks.stoppedAt,
      stateMs: marks.sentAt - marks.deltaAt,
      applyMs: marks.preparedAt - marks.sentAt,
      runMs: marks.runningAt - marks.preparedAt,
    },
    rounds: rounds.length,
    reason: predicted.reason,
    reconnects: plan.wire.link.reconnects,
    bytes: plan.wire.pages.bytesSent,
    pages: totals.pages + delta.pages,
    deltaPages: delta.pages,
    zeroPages: totals.zeroPages + delta.zeroPages,
    bytesPerSecond: wireSpeed(rounds),
    throttle: Math.max(0, ...rounds.map(({ throttle }) => throttle)),
    flow: plan.wire.flow.report(plan.wire.pages),
    processes: layout.processes.length,
    targetTimes,
    forwardedConnections,
    ...(postCopy && { postCopy }),
    threads: alive.reduce((sum, { threads }) => sum + threads.length, 0),
  };
}

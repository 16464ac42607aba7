// What the operator sees while a tree flies, and the closing report. Names as in QEMU's query-migrate where it has one;
// the JSON schema stands in docs/operations.md.

import type { FetchFigures } from './post-copy/fetching.ts';
import type { FlowReport } from './page-flow/page-flow.ts';

export interface RoundReport {
  readonly kind: 'round';
  readonly round: number;
  readonly pages: number;
  readonly bytes: number;
  readonly ms: number;
  readonly bytesPerSecond: number;
  readonly dirtyBytesPerSecond: number;
  readonly predictedDowntimeMs: number;
  readonly zeroPages: number;
  /** Share of the time for which the writers stood (`--auto-converge`); 0: they ran. */
  readonly throttle: number;
  /** How its pages were sent. */
  readonly flow: FlowReport;
}

export interface PhaseReport {
  readonly kind: 'phase';
  readonly phase:
    | 'check'
    | 'survey'
    | 'stage'
    | 'pre-copy'
    | 'freeze'
    | 'final'
    | 'prepared'
    | 'commit'
    | 'running'
    | 'post-copy'
    | 'abort';
  readonly text: string;
}

/** The tree runs on the target, and memory of it is still here. */
export interface PostCopyReport {
  readonly kind: 'post-copy';
  readonly leftBytes: number;
  readonly totalBytes: number;
}

export interface WarningReport {
  readonly kind: 'warning';
  readonly text: string;
}

/** How the downtime came about, in milliseconds. */
export interface DowntimeReport {
  /** Until every thread stood still. */
  readonly freezeMs: number;
  /** Reading what is no page: threads, files, timers. Runs beside the delta. */
  readonly stateMs: number;
  /** Finding and sending the delta. */
  readonly deltaMs: number;
  /** The target building it in. */
  readonly applyMs: number;
  /** From COMMIT until the tree runs. */
  readonly runMs: number;
}

export interface ClosingReport {
  readonly kind: 'closing';
  readonly status: 'completed' | 'failed' | 'cancelled';
  readonly id: string;
  readonly totalMs: number;
  readonly downtimeMs: number;
  readonly predictedDowntimeMs: number;
  readonly downtime: DowntimeReport;
  readonly rounds: number;
  readonly reason: string;
  /** How often the link broke and came back. */
  readonly reconnects: number;
  readonly bytes: number;
  readonly pages: number;
  readonly deltaPages: number;
  readonly zeroPages: number;
  readonly bytesPerSecond: number;
  /** The greatest of all rounds. */
  readonly throttle: number;
  /** How all pages were sent; the choice is that for the delta. */
  readonly flow: FlowReport;
  /** Where the target's time went until PREPARED, milliseconds by name. */
  readonly targetTimes: Readonly<Record<string, number>>;
  readonly processes: number;
  readonly threads: number;
  /** Connections that this host forwards from now on. */
  readonly forwardedConnections: number;
  /** What followed when the tree ran on the target. */
  readonly postCopy?: FetchFigures;
}

export type Report = RoundReport | PhaseReport | PostCopyReport | WarningReport | ClosingReport;
export type Observer = (report: Report) => void;

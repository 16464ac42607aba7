// What the operator asked for, and what a flight knows before it begins.
import type { GodwitError } from '../errors.ts';
import type { Endpoint } from '../transport/endpoint.ts';
import type { Security, SessionSecurity } from '../transport/security.ts';
import type { Survey } from './check.ts';
import type { Goals } from './converge.ts';
import type { CompressChoice } from './page-flow/page-flow.ts';
import type { Observer } from './report.ts';
import type { SurveyOptions } from './survey-options.ts';
import type { TrackerKind } from './trackers/tracker.ts';
import type { Wire } from './wire.ts';

export interface MigrateOptions extends SurveyOptions {
  readonly pid: number;
  /** Where godwit receive listens; a name is looked up here. */
  readonly to: { readonly host: string; readonly port: number };
  readonly tracker: 'auto' | TrackerKind;
  readonly goals: Goals;
  /** The writers are slowed down while rounds do not converge. */
  readonly autoConverge: boolean;
  /** How often the freeze is rehearsed, with a small tree of our own. */
  readonly rehearsals: number;
  readonly compress: CompressChoice;
  /** At most so many bytes a second on the page connection while the tree runs; undefined: as many as it takes. */
  readonly bandwidth: number | undefined;
  /** Bytes of pages that were sent, kept so that they travel as deltas when they are sent again; 0: none. */
  readonly deltaCache: number;
  /** A link that breaks while the tree runs is dialled again for so long; 0: its end is the end. */
  readonly reconnectForMs: number;
  readonly security: Security;
  /** Check only. */
  readonly dryRun: boolean;
  readonly observer: Observer;
  /** The tree has moved, and connections of it are forwarded: from then on `migrate` goes on as long as they last. */
  readonly onForwarding?: () => void;
  readonly signal: AbortSignal;
}

export interface FlightPlan extends Omit<MigrateOptions, 'security'> {
  /** For whatever connects once more for this migration. */
  readonly security: SessionSecurity;
  readonly id: string;
  /** performance.now() at the start. */
  readonly began: number;
  readonly endpoint: Endpoint;
  readonly peerBootId: string;
  readonly survey: Survey;
  readonly wire: Wire;
  /** Ends the flight, wherever it waits. */
  readonly giveUp: (why: GodwitError) => void;
}

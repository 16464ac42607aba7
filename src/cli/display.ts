// What a display of a migration can do; one for people (display-terminal.ts), one for scripts (display-json.ts).
import type { Blocker } from '../images/requirements.ts';
import type { Observer } from '../source/report.ts';

export interface Display {
  readonly observe: Observer;
  readonly refused: (blockers: readonly Blocker[], table: (blockers: readonly Blocker[]) => string) => void;
  /** The check found nothing. */
  readonly clear: () => void;
  readonly end: () => void;
}

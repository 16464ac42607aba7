// Which tracker to use. Each is tried by a real round trip on a process made for it: a kernel without soft-dirty bits accepts the
// order to clear them, and a kernel that was built without write protection knows the ioctls.
import { GodwitError } from '../../errors.ts';
import { isSwitchedOff } from '../../kernel/probes/without.ts';
import { errnoName } from '../../kernel/program.ts';
import { native } from '../../native.ts';
import type { NativeProbeName } from '../../native-probe.ts';
import { CompareTracker } from './compare.ts';
import { PagemapScanTracker } from './pagemap-scan.ts';
import { SoftDirtyTracker } from './soft-dirty.ts';
import type { WhileStopped } from './soft-dirty.ts';
import { trackerKinds } from './tracker.ts';
import type { Tracker, TrackerKind } from './tracker.ts';

export interface ChosenTracker {
  readonly kind: TrackerKind;
  /** PAGEMAP_SCAN may be used to find pages (Linux 6.7), by whatever tracker. */
  readonly scans: boolean;
}

/** What a tracker needs done in the process it tracks. */
export interface TrackerHelp {
  /**
   * A userfaultfd that the process has made (O_CLOEXEC, UFFD_USER_MODE_ONLY), as a descriptor of the agent, or a negative errno.
   * Called while makeTracker runs.
   */
  readonly obtainUserfaultfd: () => number;
  readonly whileStopped: WhileStopped;
}

/** What each tracker is tried by. */
const probes: { readonly [K in TrackerKind]: readonly NativeProbeName[] } = {
  'pagemap-scan': ['pagemap-scan', 'userfaultfd-wp-async'],
  'soft-dirty': ['soft-dirty', 'page-frames'],
  compare: [],
};

/** @throws GodwitError UNSUPPORTED when the kernel, or this user, cannot do what was asked for. */
export function chooseTracker(wanted: TrackerKind | 'auto'): ChosenTracker {
  const scans = failure('pagemap-scan') === undefined;
  for (const kind of wanted === 'auto' ? trackerKinds : [wanted]) {
    const failed = probes[kind].map(failure).find((message) => message !== undefined);
    if (failed === undefined) return { kind, scans };
    if (wanted === 'auto') continue;
    throw new GodwitError('UNSUPPORTED', `the tracker ${kind} does not work here: ${failed}`, {
      hint: '--tracker auto takes the best one that works',
    });
  }
  throw new GodwitError('INTERNAL', 'no tracker works, although compare always does');
}

/** Every tracker that works here. */
export function workingTrackers(): ChosenTracker[] {
  const scans = failure('pagemap-scan') === undefined;
  const kinds = trackerKinds.filter((kind) => probes[kind].every((name) => failure(name) === undefined));
  return kinds.map((kind) => ({ kind, scans }));
}

/** Preconditions: those of `help.obtainUserfaultfd` (the process is stopped). It may run on afterwards, also before arm. */
export function makeTracker(chosen: ChosenTracker, pid: number, help: TrackerHelp): Tracker {
  if (chosen.kind === 'pagemap-scan') return new PagemapScanTracker(pid, help.obtainUserfaultfd);
  if (chosen.kind === 'soft-dirty') return new SoftDirtyTracker(pid, help.whileStopped);
  return new CompareTracker(pid, { scans: chosen.scans });
}

/** Why a facility does not work; GODWIT_WITHOUT names those that tests do without. */
function failure(name: NativeProbeName): string | undefined {
  if (isSwitchedOff(name)) return `${name} is switched off by GODWIT_WITHOUT`;
  const result = native.probe(name);
  return result === 0 ? undefined : `${name} fails with ${errnoName(result)}`;
}

// From a dumped tree to one that runs on the target: fence, PREPARED, COMMIT, RUNNING. The one place where the owner changes.
//
//   OPEN ── fence ──> FENCED ── PREPARED arrives ──> COMMITTED ── send COMMIT ──> RUNNING arrives ──> end of the source
//     any failure up to here ──> ABORTED (the tree runs here)        |
//                                                                    no answer: ask again on new connections, else in doubt
import { performance } from 'node:perf_hooks';
import { asGodwitError, GodwitError } from '../errors.ts';
import type { TreeState } from '../images/state.ts';
import type { Journal } from '../kernel/journal.ts';
import type { OwnerWord } from '../kernel/owner-word.ts';
import type { FlightPlan } from './flight-plan.ts';
import type { Flight } from './flight.ts';
import type { Frozen } from './freeze.ts';
import type { AddressesAway } from './moving-addresses.ts';
import type { InFlight } from './open-files.ts';
import { releaseLocks } from './release-locks.ts';
import { settle } from './resolve.ts';
import type { SegmentCapture } from './segment-capture.ts';
import type { Wire } from './wire.ts';

const preparedTimeoutMs = 60_000;
const runningTimeoutMs = 10_000;

export interface Delivery {
  readonly preparedAt: number;
  /** performance.now() when the tree ran on the target, as far as this host can tell. */
  readonly runningAt: number;
  /** Where the target's time went until PREPARED, milliseconds by name. */
  readonly targetTimes: Readonly<Record<string, number>>;
}

/** What flies. */
export interface Load {
  readonly flight: Flight;
  readonly state: Pick<TreeState, 'openFiles' | 'processes'>;
  readonly inFlight: InFlight;
  readonly network: {
    readonly addresses: Pick<AddressesAway, 'takeOff'>;
    /** Back to this host's own network, where the target is reached. */
    readonly leave: () => void;
    readonly capture: Pick<SegmentCapture, 'take'>;
  };
}

export async function deliver(
  plan: FlightPlan,
  word: OwnerWord,
  journal: Journal,
  frozen: Frozen,
  load: Load,
): Promise<Delivery> {
  const { control, signal } = plan.wire;
  frozen.fence();
  if (!word.change('OPEN', 'FENCED')) throw lostWord(plan.id);
  journal.write('FENCED');
  const { times, heldLocks } = await control.expect('prepared', { timeoutMs: preparedTimeoutMs, signal });
  const preparedAt = performance.now();
  const { addresses, capture } = load.network;
  addresses.takeOff();
  // From here on nobody may cancel: of the keeper (which aborts when we die) and us exactly one wins the word.
  journal.write('COMMITTED');
  if (!word.change('FENCED', 'COMMITTED')) throw lostWord(plan.id);
  frozen.giveUp();
  load.flight.abandon();
  if (heldLocks === true) letGoOfLocks(plan, frozen, load);
  let ranMs = 0;
  try {
    const segments = capture.take(load.state.openFiles);
    control.send({ type: 'commit', ...(segments.length === 0 ? {} : { segments }) });
    ({ ranMs } = await control.expect('running', { timeoutMs: runningTimeoutMs }));
  } catch (error) {
    load.network.leave();
    await askAgain(plan, error);
  }
  // What a target says may be wrong; it has not run before COMMIT.
  const runningAt = Math.max(preparedAt, performance.now() - ranMs);
  journal.write('RUNNING');
  sendLate(control, capture, load.state.openFiles);
  return { preparedAt, runningAt, targetTimes: times };
}

/** What has come since the last time, on its way to this host before others knew that the address has moved. */
export function sendLate(
  control: Wire['control'],
  capture: Pick<SegmentCapture, 'take'>,
  openFiles: TreeState['openFiles'],
): void {
  if (control.state !== 'running') return;
  for (;;) {
    const segments = capture.take(openFiles);
    if (segments.length === 0) return;
    try {
      control.send({ type: 'late', segments });
    } catch {
      return; // The link broke: they are sent again by whoever has sent them.
    }
  }
}

/** Whatever goes wrong here, the tree belongs to the target. */
function letGoOfLocks({ observer }: FlightPlan, frozen: Frozen, { flight, state, inFlight }: Load): void {
  try {
    releaseLocks(flight, frozen, state, inFlight);
  } catch (error) {
    observer({ kind: 'warning', text: `file locks are held to the end: ${asGodwitError(error).message}` });
  }
}

/** The link or the target's agent broke between COMMIT and RUNNING: the target stands PREPARED or runs; new connections tell. */
async function askAgain(plan: FlightPlan, cause: unknown): Promise<void> {
  plan.observer({
    kind: 'warning',
    text: `no word from the target after COMMIT (${asGodwitError(cause).message}); asking again`,
  });
  const state = await settle({
    id: plan.id,
    endpoint: plan.endpoint,
    security: plan.security,
    verdict: 'commit',
    forMs: 30_000,
  });
  if (state === 'running' || state === 'post-copy') return;
  throw new GodwitError(
    'IN_DOUBT',
    `migration ${plan.id} was committed, and the target does not say that the tree runs`,
    {
      hint: `the tree stays frozen here; once the target can be reached: godwit resolve ${plan.id}`,
      cause,
    },
  );
}

function lostWord(id: string): GodwitError {
  return new GodwitError(
    'KEEPER',
    `the keeper of migration ${id} has decided to abort it: it took this agent for dead`,
  );
}

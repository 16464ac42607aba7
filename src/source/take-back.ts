// The way back, for whatever ends a flight before COMMIT: the tree runs here again, and the target keeps nothing. From the final state on the target
// may stand PREPARED with a whole copy, which nobody but the source can take away, and a connection that ends says nothing about that: so it
// is asked on a connection of its own until it answers, by this agent for a moment, then by the keeper.
import { setTimeout as sleep } from 'node:timers/promises';
import { asGodwitError, GodwitError } from '../errors.ts';
import { appendHistory, type Journal } from '../kernel/journal.ts';
import { clearAfterKeeper } from '../kernel/after-keeper.ts';
import type { Keeper } from '../kernel/keeper.ts';
import type { OwnerWord } from '../kernel/owner-word.ts';
import { peerOrigin, problemOf } from '../transport/problem.ts';
import type { FlightPlan } from './flight-plan.ts';
import { settle, type Settled } from './resolve.ts';

/** The operator waits for it, and the tree runs already. */
const patienceMs = 3000;

/** The target's terminal shows the same reason, unless it is its own. */
export function tellTarget(control: FlightPlan['wire']['control'], error: unknown): void {
  if (control.ended.aborted || ['committing', 'running', 'ended'].includes(control.state)) return;
  try {
    control.send({ type: 'abort', reason: problemOf(error) });
  } catch {
    // The connection is over: the target has noticed by itself.
  }
}

/** What must be taken back when the flight fails. */
export interface Ground {
  readonly keeper: Keeper;
  readonly word: OwnerWord;
  readonly journal: Journal;
  /** The final state has left. */
  mayStandThere: boolean;
}

/** Every thread runs again already; the keeper takes the rest back: fences, cgroups, its own folder. @throws GodwitError KEEPER */
export async function takeBack(
  plan: FlightPlan,
  { keeper, journal, mayStandThere }: Ground,
  cause: unknown,
): Promise<void> {
  const { id, observer } = plan;
  const reason = asGodwitError(cause).message;
  try {
    await abortSource(keeper);
  } catch (error) {
    throw new GodwitError(
      'KEEPER',
      `migration ${id} could not be taken back: ${asGodwitError(error).message}`,
      { hint: `after: ${reason}`, cause },
    );
  }
  appendHistory({ id, role: 'source', state: 'aborted', reason });
  // A target that has told why it gave up has cleared away by itself.
  if (!mayStandThere || peerOrigin(cause) !== undefined) return;
  journal.write('ABORTED', { reason });
  tellTarget(plan.wire.control, cause);
  if ((await askOnce(plan)) !== 'unreachable') return;
  keeper.leaveToResolver();
  observer({
    kind: 'warning',
    text: `${plan.endpoint.host} may hold a frozen copy of the tree, and does not answer: it is told as soon as it can be reached`,
  });
}

/** By the clock, too: an attempt has time limits of its own, which are longer. */
async function askOnce({ id, endpoint, security }: FlightPlan): Promise<Settled> {
  const asked = settle({ id, endpoint, security, verdict: 'abort', forMs: patienceMs });
  const late = new AbortController();
  const waited = sleep(patienceMs, 'unreachable' as const, { ref: false, signal: late.signal });
  try {
    return await Promise.race([asked, waited]);
  } finally {
    late.abort();
    waited.catch(() => undefined);
  }
}

/** The keeper does it; or, if that was killed, this agent. */
async function abortSource(keeper: Keeper): Promise<void> {
  try {
    await keeper.abort();
  } catch (error) {
    const { word } = keeper;
    if ((await keeper.process?.hasDied()) !== true || word.state === 'COMMITTED') throw error;
    if (!word.change('OPEN', 'ABORTED')) word.change('FENCED', 'ABORTED');
    clearAfterKeeper(keeper.id, 'source', 'release');
  }
}

/** The tree runs on the target: its copy here ends. */
export async function endSource(keeper: Keeper): Promise<void> {
  try {
    await keeper.finish();
  } catch (error) {
    if ((await keeper.process?.hasDied()) !== true) throw error;
    clearAfterKeeper(keeper.id, 'source', 'kill');
  }
}

export function keeperGone(id: string): GodwitError {
  return new GodwitError('KEEPER', `the keeper of migration ${id} has ended before its time`, {
    hint: 'was it killed? Start migrate again',
  });
}

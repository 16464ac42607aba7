// The target's half of a rehearsal: a small tree of the source's own is built to the last step and thrown away, so that all of
// this code is compiled before a tree waits for it. In a PID namespace of its own, where every ID is free.
import { asGodwitError } from '../errors.ts';
import type { Clocks } from '../images/layout.ts';
import type { TreeState } from '../images/state.ts';
import { readClocks } from '../kernel/clocks.ts';
import { decodeMessage, encodeMessage, type SourceMessage } from '../transport/messages.ts';
import { Landing } from './landing.ts';
import type { LandingContext } from './landing-plan.ts';
import type { TargetContext } from './session.ts';

/** So often until V8 has compiled well what it decodes with. */
const decodings = 15;
/** No landing but the first begins after this many milliseconds. */
const forMs = 350;

type Rehearse = Extract<SourceMessage, { type: 'rehearse' }>;

/** Returns what the fastest landing took from the state to PREPARED, ms. Never throws: a rehearsal that fails costs time later, nothing else. */
export async function rehearse(
  context: TargetContext,
  { state, clocks, landings }: Rehearse,
): Promise<number | undefined> {
  const stage: LandingContext = {
    migrationId: `${context.migrationId}-rehearsal`,
    hello: context.hello,
    signal: context.signal,
    log: () => undefined,
    sessionHash: undefined,
    openPages: () => ({ applied: () => Promise.resolve(), close: () => undefined }),
  };
  const bytes = encodeMessage({ type: 'rehearse', state, clocks, landings });
  for (let i = 0; i < decodings; i++) decodeMessage('source', bytes);
  const began = performance.now();
  let best: number | undefined;
  try {
    for (let i = 0; i < landings && (i === 0 || performance.now() - began < forMs); i++)
      best = Math.min(await landOnce(stage, state, clocks), best ?? Infinity);
  } catch (error) {
    context.log('warning', `the rehearsal failed: ${asGodwitError(error).message}`);
  }
  return best;
}

/** Returns milliseconds. */
async function landOnce(context: LandingContext, state: TreeState, source: Clocks): Promise<number> {
  const { layout } = state;
  const clocks = { source, here: readClocks() };
  const landing = await Landing.begin({ context, sameKernel: false, pidNamespace: 'new', layout, clocks });
  try {
    landing.stage(layout);
    const began = performance.now();
    await landing.prepare(state, 0, true);
    return performance.now() - began;
  } finally {
    await landing.abandon('it was a rehearsal');
  }
}

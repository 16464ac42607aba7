// The target's half of a rehearsal: a small tree of the source's own is built to the last step and thrown away, so that all of
// this code is compiled before a tree waits for it. In a PID namespace of its own, where every ID is free.
import { asGodwitError } from '../errors.ts';
import { readClocks } from '../kernel/clocks.ts';
import { decodeMessage, encodeMessage, type SourceMessage } from '../transport/messages.ts';
import { Landing } from './landing.ts';
import type { LandingContext } from './landing-plan.ts';
import type { TargetContext } from './session.ts';

/** So often until V8 has compiled well what it decodes with. */
const decodings = 5;

type Rehearse = Extract<SourceMessage, { type: 'rehearse' }>;

/** Returns what it took from the state to PREPARED, ms. Never throws: a rehearsal that fails costs time later, nothing else. */
export async function rehearse(
  context: TargetContext,
  { state, clocks }: Rehearse,
): Promise<number | undefined> {
  const stage: LandingContext = {
    migrationId: `${context.migrationId}-rehearsal`,
    hello: context.hello,
    signal: context.signal,
    log: () => undefined,
    openPages: () => ({ applied: () => Promise.resolve(), close: () => undefined }),
  };
  const { layout } = state;
  const bytes = encodeMessage({ type: 'rehearse', state, clocks });
  for (let i = 0; i < decodings; i++) decodeMessage('source', bytes);
  let landing: Landing | undefined;
  let ms: number | undefined;
  try {
    landing = await Landing.begin({
      context: stage,
      sameKernel: false,
      pidNamespace: 'new',
      layout,
      clocks: { source: clocks, here: readClocks() },
    });
    landing.stage(layout);
    const began = performance.now();
    await landing.prepare(state, 0, true);
    ms = performance.now() - began;
  } catch (error) {
    context.log('warning', `the rehearsal failed: ${asGodwitError(error).message}`);
  }
  await landing?.abandon('it was a rehearsal');
  return ms;
}

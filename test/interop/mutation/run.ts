// Changed bytes at every door, by seeds.
import { asGodwitError, GodwitError } from '../../../src/errors.ts';
import { allDoors } from './doors.ts';
import type { Door } from './doors.ts';
import { mutateBytes, mutateValue, numbers } from './mutate.ts';

export interface Outcome {
  tried: number;
  /** Changed, and valid all the same. */
  taken: number;
  refused: number;
  slowestMs: number;
  readonly bad: { readonly seed: number; readonly what: string }[];
}

/** Milliseconds that one may take: none has as many bytes as the limits allow. */
const tooSlowMs = 2000;
/** Bytes of memory beyond which something is kept, or made, that should not be. */
const tooMuch = 1024 * 1024 * 1024;
const mostBad = 20;

/** `from`: the first seed; as many seeds as `count`, for all doors together. */
export async function runMutations(
  from: number,
  count: number,
  progress: (done: number) => void,
): Promise<Map<string, Outcome>> {
  using all = await allDoors();
  const outcomes = new Map<string, Outcome>();
  for (const { name } of all.doors)
    outcomes.set(name, { tried: 0, taken: 0, refused: 0, slowestMs: 0, bad: [] });
  for (let i = 0; i < count; i++) {
    const door = all.doors[(from + i) % all.doors.length];
    const outcome = door && outcomes.get(door.name);
    if (outcome !== undefined) tryOne(door as Door, from + i, outcome);
    if ((i + 1) % 100_000 === 0) {
      progress(i + 1);
      // Whoever writes signals or waits for a thread gets his turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return outcomes;
}

function tryOne({ valid, isPacked, take }: Door, seed: number, outcome: Outcome): void {
  const next = numbers(seed);
  const base = valid[next(valid.length)] ?? new Uint8Array(0);
  const bytes = isPacked && next(2) === 0 ? mutateValue(base, next) : mutateBytes(base, valid, next);
  const began = performance.now();
  outcome.tried++;
  try {
    take(bytes);
    outcome.taken++;
  } catch (thrown) {
    const error = asGodwitError(thrown);
    outcome.refused++;
    const isOurs = !(thrown instanceof GodwitError) || error.code === 'INTERNAL';
    if (isOurs)
      note(outcome, seed, thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
  }
  const ms = performance.now() - began;
  outcome.slowestMs = Math.max(outcome.slowestMs, ms);
  if (ms > tooSlowMs) note(outcome, seed, `it took ${ms.toFixed(0)} ms`);
  if (outcome.tried % 1000 === 0 && process.memoryUsage.rss() > tooMuch)
    note(outcome, seed, `this process has ${process.memoryUsage.rss()} bytes`);
}

function note(outcome: Outcome, seed: number, what: string): void {
  if (outcome.bad.length < mostBad) outcome.bad.push({ seed, what });
}

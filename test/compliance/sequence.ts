// One seeded sequence: the workload changes its memory between and during rounds, is frozen and compared, thawed, and frozen
// and compared once more.
import type { ChosenTracker } from '../../src/source/trackers/choose.ts';
import { CompliantFlight } from './flight.ts';
import type { FlightFigures } from './flight.ts';
import { Mutator, pause } from './mutator.ts';
import type { BuiltMutator } from './mutator.ts';

export interface SequenceResult {
  readonly problems: readonly string[];
  readonly figures: FlightFigures;
}

/** Small and good enough: what the test itself does must follow from the seed too. */
function randomOf(seed: number): (limit: number) => number {
  let state = seed >>> 0 || 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

export async function runSequence(
  built: BuiltMutator,
  chosen: ChosenTracker,
  seed: number,
): Promise<SequenceResult> {
  const random = randomOf(seed * 2654435761);
  const mutator = new Mutator(built, seed);
  const flight = new CompliantFlight(mutator, chosen);
  const problems: string[] = [];
  try {
    mutator.go(30 + random(200));
    if (random(2) === 0) mutator.settle();
    for (let freezes = 0; freezes < 2 && problems.length === 0; freezes++) {
      for (let rounds = 1 + random(4); rounds > 0; rounds--) {
        mutator.go(random(120)); // while the round looks and copies
        if (random(3) === 0) pause(random(20) / 10);
        await flight.round();
        if (random(2) === 0) mutator.settle();
      }
      mutator.go(random(60));
      if (random(2) === 0) mutator.settle();
      problems.push(...(await flight.freeze()));
      mutator.cont();
    }
    return { problems, figures: flight.figures };
  } catch (error) {
    throw new Error(`seed ${seed}, ${chosen.kind}: ${String(error)}`, { cause: error });
  } finally {
    flight.close();
    await mutator.end();
  }
}

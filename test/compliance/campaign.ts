// Runs many sequences: npm run compliance:campaign -- --from-seed 1 --count 1000 [--tracker compare]
// Stops at the first that fails, and says how to repeat it.
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { workingTrackers } from '../../src/source/trackers/choose.ts';
import { buildMutator } from './mutator.ts';
import { runSequence } from './sequence.ts';

const { values } = parseArgs({
  options: {
    'from-seed': { type: 'string', default: '1' },
    count: { type: 'string', default: '100' },
    tracker: { type: 'string' },
  },
});
const from = Number(values['from-seed']);
const count = Number(values.count);
const trackers = workingTrackers().filter(
  ({ kind }) => values.tracker === undefined || kind === values.tracker,
);
const built = buildMutator();
const totals = {
  flights: 0,
  rounds: 0,
  processes: 0,
  pages: 0,
  stalePages: 0,
  inheritedPages: 0,
  comparedPages: 0,
};
try {
  for (let seed = from; seed < from + count && process.exitCode === undefined; seed++) {
    for (const chosen of trackers) {
      const { problems, figures } = await runSequence(built, chosen, seed);
      totals.flights++;
      for (const name of Object.keys(figures) as (keyof typeof figures)[]) totals[name] += figures[name];
      if (problems.length === 0) continue;
      console.error(`seed ${seed}, ${chosen.kind}:\n  ${problems.join('\n  ')}`);
      console.error(
        `repeat with: npm run compliance:campaign -- --from-seed ${seed} --count 1 --tracker ${chosen.kind}`,
      );
      process.exitCode = 1;
    }
  }
  console.log(`${trackers.map(({ kind }) => kind).join(', ')}: ${JSON.stringify(totals)}`);
} finally {
  rmSync(built.directory, { recursive: true, force: true });
}

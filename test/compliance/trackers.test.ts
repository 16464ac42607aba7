// Every tracker that this kernel has, under the same random sequences: what the rounds copied is the frozen memory.
// GODWIT_SEED=N repeats one sequence; `npm run compliance:campaign -- --from-seed N --count M` runs many.
import { rmSync } from 'node:fs';
import t from 'tap';
import { workingTrackers } from '../../src/source/trackers/choose.ts';
import { buildMutator } from './mutator.ts';
import { runSequence } from './sequence.ts';

const sequences = 8;
const given = process.env['GODWIT_SEED'];
const first = given === undefined ? 1 + Math.floor(Math.random() * 1_000_000) : Number(given);
/** Found something: a child inherited what its parent's copy was still to drop (on a kernel without a page of zeros). */
const found = [448_829];
const seeds =
  given === undefined
    ? [...Array.from({ length: sequences - found.length }, (_, i) => first + i), ...found]
    : [first];

const built = buildMutator();
t.teardown(() => {
  rmSync(built.directory, { recursive: true, force: true });
});

for (const chosen of workingTrackers()) {
  await t.test(`${chosen.kind}: the copied memory equals the frozen memory`, async (t) => {
    for (const seed of seeds) {
      const { problems, figures } = await runSequence(built, chosen, seed);
      t.same(
        problems,
        [],
        `seed ${seed}: ${figures.comparedPages} pages are as they were (repeat with GODWIT_SEED=${seed})`,
      );
    }
  });
}

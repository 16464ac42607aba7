// A part of `npm run faults` (steps/main.ts): faults at steps of the protocol, chosen by a seed, and those around COMMIT that matter most.
import t from 'tap';
import { unless } from '../helpers/skip-unless.ts';
import { chooseSeed, claimContent, makeBed, seededRandom } from './bed.ts';
import { flyWith } from './steps/fly.ts';
import { nameOf, plan } from './steps/plan.ts';
import type { Fault } from './steps/plan.ts';

t.setTimeout(300_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:cc');
const atRandom = 8;

/** Stalls take as long as both sides are patient. */
const short = plan.filter(({ kind }) => kind !== 'stall the link');
const always = short.filter(
  ({ type, when, kind }) =>
    (type === 'prepared' && when === 'before' && kind === 'cut the link') ||
    (type === 'commit' && kind === 'kill both'),
);

await t.test('one copy runs after a fault at any step', { skip, timeout: 300_000 }, async (t) => {
  const seed = chooseSeed();
  t.comment(`seed ${seed}: GODWIT_SEED=${seed} repeats this run`);
  const random = seededRandom(seed);
  const chosen = Array.from({ length: atRandom }, () => short[Math.floor(random() * short.length)]);
  await using bed = await makeBed({ mib: 8, plaintext: true });
  await bed.a.receive({ plaintext: true });
  for (const fault of [...always, ...chosen.filter((one): one is Fault => one !== undefined)]) {
    const { problems, happened, moved, exit, resolved } = await flyWith(bed, fault);
    t.strictSame(problems, [], `${nameOf(fault)}: exit ${exit}, ${moved ? 'moved' : 'stayed'}`);
    t.ok(happened, 'it came so far');
    t.notOk(resolved, 'and nobody had to be asked');
    if (problems.length > 0) break;
  }
  await claimContent(t, bed);
});

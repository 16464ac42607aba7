// A part of `npm run mutations` (mutation/main.ts): what a hostile peer may send is refused by a sentence, in time and within the limits.
import t from 'tap';
import { runMutations } from './mutation/run.ts';

const count = 60_000;
t.setTimeout(120_000);

void t.test('changed bytes of a peer are refused, or valid', async (t) => {
  const seed = Number(process.env['GODWIT_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  t.comment(`seed ${seed}: GODWIT_SEED=${seed} repeats this run`);
  for (const [name, { tried, taken, refused, bad }] of await runMutations(seed, count, () => undefined)) {
    t.strictSame(bad, [], name);
    t.equal(taken + refused, tried);
    t.ok(refused > tried / 20 || name.startsWith('sealed') || name.startsWith('acknow') || name.startsWith('requests'), `${name}: ${refused} of ${tried} were refused`);
  }
}); // prettier-ignore

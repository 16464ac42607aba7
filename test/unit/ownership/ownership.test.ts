// The ownership protocol in every interleaving of its two agents, keepers, the resolver, lost, late and doubled messages, deaths and restarts
// (docs/ownership.md). What the model may do is what the table allows (src/kernel/owner-steps.ts), which agents obey; keepers are compared with it here.
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { ownerSteps } from '../../../src/kernel/owner-steps.ts';
import { explore } from './explore.ts';
import { stepsOf, type Step } from './steps.ts';
import { inSource, type World } from './world.ts';

const none = { kill: 0, cut: 0, twice: 0, lose: 0, reboot: 0, hurry: 0, person: 0 };
const many = { kill: 2, cut: 1, twice: 1, lose: 1, reboot: 0, hurry: 1, person: 0 };
const restarts = { ...many, reboot: 1 };
const decided = { ...none, kill: 2, cut: 1, lose: 1, reboot: 1, person: 2 };

void t.test('undisturbed, it moves; or stays, when the target fails before it stands', (t) => {
  const { endings, violations, stuck, worlds } = explore(none);
  t.strictSame([...endings.keys()].sort(), ['moved', 'stayed']);
  t.strictSame([violations, stuck], [[], []]);
  t.ok(worlds > 20);
  t.end();
});

void t.test(
  'whatever dies, is cut, lost, late or doubled: one copy, nothing left over, and nobody is asked',
  (t) => {
    const { endings, violations, stuck, worlds, steps } = explore(many);
    t.comment(`${worlds} worlds, ${steps} steps: ${JSON.stringify([...endings])}`);
    t.strictSame(violations.slice(0, 3), []);
    t.strictSame(stuck.slice(0, 3), []);
    t.strictSame([...endings.keys()].sort(), ['moved', 'stayed']);
    t.end();
  },
);

void t.test('a host that starts anew takes its copy along, and no other', (t) => {
  const { endings, violations, stuck, worlds, steps } = explore(restarts);
  t.comment(`${worlds} worlds, ${steps} steps: ${JSON.stringify([...endings])}`);
  t.strictSame(violations.slice(0, 3), []);
  t.strictSame(stuck.slice(0, 3), []);
  t.strictSame([...endings.keys()].sort(), [
    'a person decides: source COMMITTED, copy gone; target started anew',
    'a person decides: source COMMITTED, copy stands; target started anew',
    'a person decides: source started anew; target PREPARED, copy stands',
    'ended with its host',
    'moved',
    'stayed',
  ]);
  t.end();
});

void t.test('a person who decides at any moment makes no second copy, and loses none', (t) => {
  const { endings, violations, stuck, worlds, steps } = explore(decided);
  t.comment(`${worlds} worlds, ${steps} steps: ${JSON.stringify([...endings])}`);
  t.strictSame(violations.slice(0, 3), []);
  t.strictSame(stuck.slice(0, 3), []);
  const left = [...endings.keys()].filter((ending) => ending.startsWith('a person decides'));
  t.ok(left.length > 0, 'who does not decide leaves it open');
  t.end();
});

void t.test('a protocol with a mistake is found out', (t) => {
  const always = (name: string, when: (world: World) => boolean, to: (world: World) => World) => {
    const spoilt = (world: World): Step[] => [
      ...stepsOf(world),
      ...(when(world) ? [{ name, to: to(world), isFault: false }] : []),
    ];
    return explore(many, spoilt).violations.map(({ what }) => what);
  };
  const revived = always(
    'a keeper takes back what is COMMITTED',
    ({ source }) => source.word === 'COMMITTED' && source.keeper === 'bereaved' && source.copy === 'stands',
    (world) => inSource(world, { copy: 'runs' }),
  );
  t.ok(revived.includes('two copies run'), 'two copies');
  const hasty = always(
    'the source ends its copy when it has committed',
    ({ source }) => source.agent === 'committed',
    (world) => inSource(world, { copy: 'gone' }),
  );
  t.notOk(hasty.includes('no copy is left'), 'by itself that loses nothing: the target stands PREPARED');
  const trusting = always(
    'the source ends its copy before the target is PREPARED',
    ({ source }) => source.agent === 'fenced',
    (world) => inSource(world, { copy: 'gone' }),
  );
  t.ok(trusting.includes('no copy is left'), 'none');
  t.end();
});

void t.test('keepers change owner words as the table has it', (t) => {
  const folder = new URL('../../../native/keeper/', import.meta.url);
  const code = readdirSync(folder)
    .filter((name) => name.endsWith('.cc'))
    .map((name) => readFileSync(new URL(name, folder), 'utf8'))
    .join('\n');
  const stateOf = (name: string): string => name.replace(/^k(Target)?/, '').toUpperCase();
  const found = [...code.matchAll(/Change\((k\w+), (k\w+)\)/g)].map(
    ([, from = '', to = '']) => `${stateOf(from)} -> ${stateOf(to)}`,
  );
  const revive = 'COMMITTED -> ABORTED';
  t.match(code, /AbortSource\(kCommitted, "revived"\)/, `${revive} has a command of its own`);
  const ofKeepers = ownerSteps
    .filter(({ by }) => by.includes('keeper'))
    .map(({ from, to }) => `${from} -> ${to}`)
    .filter((step) => step !== revive);
  t.strictSame([...new Set(found)].sort(), ofKeepers.sort());
  t.end();
});

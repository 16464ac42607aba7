// The list of items against the sources and the workloads: nothing is promised without a proof or a refusal.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { readClaims, readHead } from '../helpers/workload-head.ts';
import { workloadHead, workloadNames } from '../helpers/workloads.ts';
import { currentDocument, gaps, processStateDocument } from './document.ts';
import { parseItems, readItems } from './items.ts';

const src = fileURLToPath(new URL('../../src', import.meta.url));
const items = readItems();
const heads = workloadNames.map(workloadHead);
const source = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(src, name), 'utf8'))
  .join('\n');

await t.test('each item is proven by a workload or a flavour, or refused in these words', (t) => {
  t.strictSame(gaps(items, heads, source), []);
  t.equal(new Set(items.map(({ id }) => id)).size, items.length, 'each has an ID of its own');
  for (const { id, driver } of items) t.ok(existsSync(join(src, driver)), `${id}: src/${driver} is there`);
  t.end();
});

await t.test('an item without a proof, and a refusal that nobody words, are found', (t) => {
  const list = parseItems(
    '= Memory\nmemory.a | a | errors.ts |\nmemory.b | b | errors.ts | refused: no such ; why\n' +
      'memory.d | d | errors.ts | flavour: nonesuch',
  );
  const head = readHead('x', '// @family Elsewhere\n// @claim one memory.c\n');
  t.strictSame(gaps(list, [head], 'nothing'), [
    'x.c claims one for memory.c, which is no item',
    'x.c is of the family Elsewhere, which is no heading',
    'memory.a is neither proven by a workload nor refused',
    'memory.b: nothing in src says "no such"',
    'memory.d: the suite has no flavour nonesuch',
  ]);
  t.end();
});

await t.test('there is nothing between carried and refused', (t) => {
  t.throws(
    () => parseItems('= Memory\nmemory.a | a | errors.ts | not yet: it is laborious'),
    /neither "refused/,
  );
  t.end();
});

await t.test('each workload of the suite makes claims, each under a name of its own', (t) => {
  for (const { name, claims, apart } of heads) {
    t.equal(claims.length > 0, !apart, name);
    t.equal(new Set(claims.map((claim) => claim.name)).size, claims.length, `${name}: no claim twice`);
  }
  t.end();
});

await t.test('a claim that failed once has failed, whatever is said later', (t) => {
  const said = readClaims(
    'ready\nclaim a ok\nclaim b failed: expected 1 got 2\nclaim b ok\nclaim a-b ok\nok\n',
  );
  t.strictSame(
    [...said],
    [
      ['a', 'ok'],
      ['b', 'failed: expected 1 got 2'],
      ['a-b', 'ok'],
    ],
  );
  t.end();
});

await t.test('docs/process-state.md is up to date', (t) => {
  t.equal(currentDocument(), processStateDocument(items, heads), 'npm run docs:process-state writes it');
  t.end();
});

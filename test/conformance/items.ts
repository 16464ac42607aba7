// The list of everything that a process is made of (items.txt), read into objects. Nothing here knows what is true of an item.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export type Standing =
  | { readonly kind: 'carried' }
  | { readonly kind: 'refused'; readonly words: string; readonly why: string }
  /** Not a claim of one workload: the suite has a flavour for it (options.ts), and its smoke set is part of the tests. */
  | { readonly kind: 'flavour'; readonly flavour: string };

export interface Item {
  readonly id: string;
  readonly family: string;
  readonly words: string;
  /** Below src: who carries or refuses it. */
  readonly driver: string;
  /** What is claimed when no workload proves it. */
  readonly standing: Standing;
}

export function parseItems(text: string): Item[] {
  let family = '';
  const items: Item[] = [];
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('= ')) {
      family = line.slice(2);
      continue;
    }
    const [id, words, driver, standing, ...rest] = line.split('|').map((column) => column.trim());
    if (id === undefined || words === undefined || driver === undefined || standing === undefined)
      throw new Error(`items.txt: four columns are wanted: ${line}`);
    if (rest.length > 0) throw new Error(`items.txt: too many columns: ${line}`);
    items.push({ id, family, words, driver, standing: parseStanding(standing) });
  }
  return items;
}

function parseStanding(text: string): Standing {
  if (text === '') return { kind: 'carried' };
  const refused = /^refused: (.+?) ; (.+)$/.exec(text);
  if (refused !== null) return { kind: 'refused', words: refused[1] ?? '', why: refused[2] ?? '' };
  const flavour = /^flavour: (\w+)$/.exec(text);
  if (flavour !== null) return { kind: 'flavour', flavour: flavour[1] ?? '' };
  throw new Error(`items.txt: neither "refused: words ; why" nor "flavour: name": ${text}`);
}

export function readItems(): Item[] {
  return parseItems(readFileSync(fileURLToPath(new URL('items.txt', import.meta.url)), 'utf8'));
}

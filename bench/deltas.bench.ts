// What deltas gain: memory that is sent again and again with some words of each page changed, over page connections, with and without --delta-cache;
// medians of interleaved runs. Over loopback, which shows what they cost, and over a link of 1 Gbit/s (a token bucket, as --bandwidth has it).
// Options: --mib N (48), --runs N (3), --gbit N (1).
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Children, moveBetween, type Figures as Moved } from './lib/children.ts';
import { fullOrQuick } from './lib/sizes.ts';
import { median } from './lib/statistics.ts';

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: String(fullOrQuick(48, 8)) },
    runs: { type: 'string', default: String(fullOrQuick(3, 1)) },
    gbit: { type: 'string', default: '1' },
  },
});
const mib = Number(values.mib);
const runs = Number(values.runs);
/** As bench/deltas/end.ts sends it, besides the first time. */
const rounds = 8;
/** Words of 8 bytes, of the 512 of a page. */
const changed = [1, 16, 128, 512];
const caches = [0, 64 << 20] as const;
const links = [
  { name: 'loopback', bytesPerSecond: 0 },
  { name: `${values.gbit} Gbit/s`, bytesPerSecond: Number(values.gbit) * 125e6 },
] as const;

interface Figures extends Moved {
  /** How many times smaller. */
  readonly ratio: number;
}

const end = fileURLToPath(new URL('deltas/end.ts', import.meta.url));
using children = new Children();

async function move(words: number, cache: number, bytesPerSecond: number): Promise<Figures> {
  const bytes = rounds * mib * 2 ** 20;
  const moved = await moveBetween(
    bytes,
    () => children.startNode(end, ['receive', mib]),
    (port) => children.startNode(end, ['send', port, mib, cache, bytesPerSecond, words]),
  );
  return { ...moved, ratio: bytes / Number(moved.more[0]) };
}

process.stdout.write(`${mib} MiB, sent again ${rounds} times, medians of ${runs} interleaved runs\n`);
for (const { name, bytesPerSecond } of links) {
  for (const words of changed) {
    const figures = new Map<number, Figures[]>(caches.map((cache) => [cache, []]));
    for (let i = 0; i < runs; i++)
      for (const cache of caches) figures.get(cache)?.push(await move(words, cache, bytesPerSecond));
    const plain = median(figures.get(0)?.map(({ rate }) => rate) ?? []);
    for (const [cache, all] of figures) {
      const of = (what: (one: Figures) => number): number => median(all.map(what));
      const parts = [
        name,
        `${words} words a page`,
        cache === 0 ? 'whole ' : 'deltas',
        `${of(({ rate }) => rate).toFixed(2)} GB/s of pages`,
        `${(of(({ rate }) => rate) / plain).toFixed(2)} times whole`,
        `${of(({ ratio }) => ratio).toFixed(1)} times smaller`,
        `CPU-s/GB ${of(({ sendCpu }) => sendCpu).toFixed(2)} + ${of(({ receiveCpu }) => receiveCpu).toFixed(2)}`,
      ];
      process.stdout.write(`${parts.join('  ')}\n`);
    }
  }
}

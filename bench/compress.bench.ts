// What compression gains: memory -> page connection -> memory, by codec, content and link; medians of interleaved runs. The link of
// 1 Gbit/s is loopback with a token bucket, as --bandwidth has it. Options: --mib N (256), --runs N (3), --gbit N (1).
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compressChoices, type CompressChoice } from '../src/source/page-flow/page-flow.ts';
import type { Kind } from './compress/pages.ts';
import { Children, moveBetween, type Figures as Moved } from './lib/children.ts';
import { fullOrQuick } from './lib/sizes.ts';
import { median } from './lib/statistics.ts';

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: String(fullOrQuick(256, 32)) },
    runs: { type: 'string', default: String(fullOrQuick(3, 1)) },
    gbit: { type: 'string', default: '1' },
  },
});
const mib = Number(values.mib);
const runs = Number(values.runs);
const kinds: readonly Kind[] = ['redis-like', 'random'];
const links = [
  { name: 'loopback', bytesPerSecond: 0 },
  { name: `${values.gbit} Gbit/s`, bytesPerSecond: Number(values.gbit) * 125e6 },
] as const;

interface Figures extends Moved {
  /** How many times smaller. */
  readonly ratio: number;
  /** What auto chose last. */
  readonly choice: string;
}

const end = fileURLToPath(new URL('compress/end.ts', import.meta.url));
using children = new Children();

async function move(kind: Kind, codec: CompressChoice, bytesPerSecond: number): Promise<Figures> {
  const bytes = mib * 2 ** 20;
  const moved = await moveBetween(
    bytes,
    () => children.startNode(end, ['receive', mib]),
    (port) => children.startNode(end, ['send', port, mib, kind, codec, bytesPerSecond]),
  );
  const [sent, ...choice] = moved.more;
  return { ...moved, ratio: bytes / Number(sent), choice: choice.join(' ') };
}

for (const { name, bytesPerSecond } of links) {
  for (const kind of kinds) {
    const figures = new Map<CompressChoice, Figures[]>(compressChoices.map((codec) => [codec, []]));
    for (let i = 0; i < runs; i++)
      for (const codec of compressChoices) figures.get(codec)?.push(await move(kind, codec, bytesPerSecond));
    process.stdout.write(`${name}, ${kind} pages, ${mib} MiB, medians of ${runs} interleaved runs\n`);
    const plain = median(figures.get('none')?.map(({ rate }) => rate) ?? []);
    for (const [codec, all] of figures) {
      const of = (what: (one: Figures) => number): number => median(all.map(what));
      const parts = [
        `  ${codec.padEnd(5)} ${of(({ rate }) => rate).toFixed(3)} GB/s of pages`,
        `${(of(({ rate }) => rate) / plain).toFixed(2)} times none`,
        `${of(({ ratio }) => ratio).toFixed(2)} times smaller`,
        `CPU-s/GB ${of(({ sendCpu }) => sendCpu).toFixed(2)} + ${of(({ receiveCpu }) => receiveCpu).toFixed(2)}`,
        ...(codec === 'auto' ? [all.at(-1)?.choice ?? ''] : []),
      ];
      process.stdout.write(`${parts.join('  ')}\n`);
    }
  }
}

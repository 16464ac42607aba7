// What deltas gain: memory that is sent again and again with some words of each page changed, over page connections, with and without --delta-cache;
// medians of interleaved runs. Over loopback, which shows what they cost, and over a link of 1 Gbit/s (a token bucket, as --bandwidth has it).
// Options: --mib N (48), --runs N (3), --gbit N (1).
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '48' },
    runs: { type: 'string', default: '3' },
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

interface Figures {
  /** Gigabytes (10^9) of pages a second. */
  readonly rate: number;
  /** CPU-seconds of each end a gigabyte of pages. */
  readonly sendCpu: number;
  readonly receiveCpu: number;
  /** How many times smaller. */
  readonly ratio: number;
}

type Child = ChildProcessByStdio<null, Readable, null>;
const children = new Set<Child>();
const end = fileURLToPath(new URL('deltas/end.ts', import.meta.url));

function start(args: readonly (string | number)[]): { child: Child; line: () => Promise<string> } {
  const words = ['--import', import.meta.resolve('tsx'), end, ...args.map(String)];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  child.once('exit', () => children.delete(child));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const next = await lines.next();
    if (next.done === true) throw new Error('an end has ended without a word');
    return next.value;
  };
  return { child, line };
}

async function move(words: number, cache: number, bytesPerSecond: number): Promise<Figures> {
  const receiver = start(['receive', mib]);
  const sender = start(['send', await receiver.line(), mib, cache, bytesPerSecond, words]);
  const [sent, received] = await Promise.all([sender.line(), receiver.line()]);
  for (const { child } of [sender, receiver])
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  const [seconds = NaN, sendCpu = NaN, bytes = NaN] = sent.split(' ').map(Number);
  const [, receiveCpu = NaN] = received.split(' ').map(Number);
  const gigabytes = (rounds * mib * 2 ** 20) / 1e9;
  return {
    rate: gigabytes / seconds,
    sendCpu: sendCpu / gigabytes,
    receiveCpu: receiveCpu / gigabytes,
    ratio: (gigabytes * 1e9) / bytes,
  };
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;
}

try {
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
} finally {
  for (const child of children) child.kill('SIGKILL');
}

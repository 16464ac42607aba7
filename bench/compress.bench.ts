// What compression gains: memory -> page connection -> memory, by codec, content and link; medians of interleaved runs. The link of
// 1 Gbit/s is loopback with a token bucket, as --bandwidth has it. Options: --mib N (256), --runs N (3), --gbit N (1).
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compressChoices, type CompressChoice } from '../src/source/page-flow/page-flow.ts';
import type { Kind } from './compress/pages.ts';

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '256' },
    runs: { type: 'string', default: '3' },
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

interface Figures {
  /** Gigabytes (10^9) of pages a second. */
  readonly rate: number;
  /** CPU-seconds of each end a gigabyte of pages. */
  readonly sendCpu: number;
  readonly receiveCpu: number;
  /** How many times smaller. */
  readonly ratio: number;
  /** What auto chose last. */
  readonly choice: string;
}

type Child = ChildProcessByStdio<null, Readable, null>;
const children = new Set<Child>();
const end = fileURLToPath(new URL('compress/end.ts', import.meta.url));

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

async function move(kind: Kind, codec: CompressChoice, bytesPerSecond: number): Promise<Figures> {
  const receiver = start(['receive', mib]);
  const sender = start(['send', await receiver.line(), mib, kind, codec, bytesPerSecond]);
  const [sent, received] = await Promise.all([sender.line(), receiver.line()]);
  for (const { child } of [sender, receiver])
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  const [seconds = NaN, sendCpu = NaN, bytes = NaN] = sent.split(' ').map(Number);
  const [, receiveCpu = NaN] = received.split(' ').map(Number);
  const gigabytes = (mib * 2 ** 20) / 1e9;
  return {
    rate: gigabytes / seconds,
    sendCpu: sendCpu / gigabytes,
    receiveCpu: receiveCpu / gigabytes,
    ratio: (gigabytes * 1e9) / bytes,
    choice: sent.split(' ').slice(3).join(' '),
  };
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;
}

try {
  for (const { name, bytesPerSecond } of links) {
    for (const kind of kinds) {
      const figures = new Map<CompressChoice, Figures[]>(compressChoices.map((codec) => [codec, []]));
      for (let i = 0; i < runs; i++)
        for (const codec of compressChoices)
          figures.get(codec)?.push(await move(kind, codec, bytesPerSecond));
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
} finally {
  for (const child of children) child.kill('SIGKILL');
}

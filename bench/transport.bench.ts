// Throughput and CPU of memory -> page connection -> memory over loopback, plain and sealed, against C with readv, send, recv and writev.
// Both move the same memory between the same two processes, in one run, interleaved; medians and their ratios count.
// The goals: throughput at least 0.85 of C's, CPU at most 1.3 times C's. Options: --mib N (512), --runs N (7).
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Children, moveBetween, type Started, type Word } from './lib/children.ts';
import { compile } from './lib/compile.ts';
import { reportGoal } from './lib/report.ts';
import { fullOrQuick } from './lib/sizes.ts';
import { median } from './lib/statistics.ts';

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: String(fullOrQuick(512, 256)) },
    runs: { type: 'string', default: String(fullOrQuick(7, 3)) },
  },
});
const mib = Number(values.mib);
const runs = Number(values.runs);

interface Figures {
  /** Gigabytes (10^9) a second. */
  readonly rate: number;
  /** CPU-seconds of both ends a gigabyte. */
  readonly cpu: number;
}

/** One move; `end` starts sender or receiver. */
async function move(end: (...words: Word[]) => Started, from: string, to: string): Promise<Figures> {
  const { rate, sendCpu, receiveCpu } = await moveBetween(
    mib * 2 ** 20,
    () => end('receive', ...to.split(' '), mib),
    (port) => end('send', port, ...from.split(' '), mib),
  );
  return { rate, cpu: sendCpu + receiveCpu };
}

function line(name: string, { rate, cpu }: Figures): string {
  return `${name.padEnd(28)} ${rate.toFixed(2).padStart(6)} GB/s ${cpu.toFixed(2).padStart(6)} CPU-s/GB\n`;
}

const { binary: copy, folder } = compile('copy', 'transport');
using children = new Children();
try {
  const [from, to] = await Promise.all([
    children.start(copy, ['memory', mib]).line(),
    children.start(copy, ['memory', mib]).line(),
  ]);
  const end = fileURLToPath(new URL('transport/end.ts', import.meta.url));
  const node = (...words: Word[]): Started => children.startNode(end, words);
  const c = (...words: Word[]): Started => children.start(copy, words);
  const figures: { c: Figures[]; ws: Figures[]; sealed: Figures[] } = { c: [], ws: [], sealed: [] };
  for (let i = 0; i < runs; i++) {
    figures.c.push(await move(c, from, to));
    figures.ws.push(await move(node, from, to));
    process.env['GODWIT_BENCH_SEALED'] = '1'; // bench/lib/ends.ts
    figures.sealed.push(await move(node, from, to));
    delete process.env['GODWIT_BENCH_SEALED'];
  }
  const middle = (of: Figures[]): Figures => ({
    rate: median(of.map(({ rate }) => rate)),
    cpu: median(of.map(({ cpu }) => cpu)),
  });
  const baseline = middle(figures.c);
  const ours = middle(figures.ws);
  process.stdout.write(`transport, ${mib} MiB, medians of ${runs} interleaved runs\n`);
  process.stdout.write(line('C readv/send/recv/writev', baseline) + line('page connection', ours));
  process.stdout.write(line('page connection, sealed', middle(figures.sealed)));
  const ofC = (of: Figures[]): number => median(of.map(({ rate }, i) => rate / (figures.c[i]?.rate ?? NaN)));
  const cpu = median(figures.ws.map((ws, i) => ws.cpu / (figures.c[i]?.cpu ?? NaN)));
  const conditions = `${mib} MiB over loopback, medians of ${runs} interleaved runs; C: ${baseline.rate.toFixed(2)} GB/s`;
  reportGoal('transport-throughput', ofC(figures.ws), { conditions, reduced: mib < 512 });
  reportGoal('sealed-throughput', ofC(figures.sealed), { conditions, reduced: mib < 512 });
  reportGoal('transport-cpu', cpu, { conditions, reduced: mib < 512 });
} finally {
  rmSync(folder, { recursive: true });
}

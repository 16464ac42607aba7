// Throughput and CPU of memory -> page connection -> memory over loopback, against C with readv, send, recv and writev.
// Both move the same memory between the same two processes, in one run, interleaved; medians and their ratios count.
// The goals: throughput at least 0.85 of C's, CPU at most 1.3 times C's. Options: --mib N (512), --runs N (7).
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { mib: { type: 'string', default: '512' }, runs: { type: 'string', default: '7' } },
});
const mib = Number(values.mib);
const runs = Number(values.runs);

type Child = ChildProcessByStdio<Writable, Readable, null>;
interface Started {
  readonly child: Child;
  /** The next line of its output. */
  readonly line: () => Promise<string>;
}

interface Figures {
  /** Gigabytes (10^9) a second. */
  readonly rate: number;
  /** CPU-seconds of both ends a gigabyte. */
  readonly cpu: number;
}

const children: Child[] = [];

function start(command: string, args: readonly (string | number)[]): Started {
  const child = spawn(command, args.map(String), { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const next = await lines.next();
    if (next.done === true) throw new Error(`${command} ended without a word`);
    return next.value;
  };
  return { child, line };
}

/** One move; `end` starts sender or receiver. */
async function move(
  end: (role: string, args: readonly (string | number)[]) => Started,
  from: string,
  to: string,
): Promise<Figures> {
  const receiver = end('receive', [...to.split(' '), mib]);
  const port = await receiver.line();
  const sender = end('send', [port, ...from.split(' '), mib]);
  const [sent, received] = await Promise.all([sender.line(), receiver.line()]);
  for (const { child } of [sender, receiver]) if (child.exitCode === null) await once(child, 'exit');
  const [seconds = NaN, sendCpu = NaN] = sent.split(' ').map(Number);
  const [, receiveCpu = NaN] = received.split(' ').map(Number);
  const gigabytes = (mib * 2 ** 20) / 1e9;
  return { rate: gigabytes / seconds, cpu: (sendCpu + receiveCpu) / gigabytes };
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;
}

function line(name: string, { rate, cpu }: Figures): string {
  return `${name.padEnd(28)} ${rate.toFixed(2).padStart(6)} GB/s ${cpu.toFixed(2).padStart(6)} CPU-s/GB\n`;
}

const folder = mkdtempSync(join(tmpdir(), 'godwit-bench-'));
try {
  const copy = join(folder, 'copy');
  execFileSync('cc', ['-O2', '-o', copy, fileURLToPath(new URL('transport/copy.c', import.meta.url))]);
  const [from, to] = await Promise.all([
    start(copy, ['memory', mib]).line(),
    start(copy, ['memory', mib]).line(),
  ]);
  const end = fileURLToPath(new URL('transport/end.ts', import.meta.url));
  const node = (role: string, args: readonly (string | number)[]): Started =>
    start(process.execPath, ['--import', import.meta.resolve('tsx'), end, role, ...args]);
  const c = (role: string, args: readonly (string | number)[]): Started => start(copy, [role, ...args]);
  const figures: { c: Figures[]; ws: Figures[] } = { c: [], ws: [] };
  for (let i = 0; i < runs; i++) {
    figures.c.push(await move(c, from, to));
    figures.ws.push(await move(node, from, to));
  }
  const middle = (of: Figures[]): Figures => ({
    rate: median(of.map(({ rate }) => rate)),
    cpu: median(of.map(({ cpu }) => cpu)),
  });
  const baseline = middle(figures.c);
  const ours = middle(figures.ws);
  process.stdout.write(`transport, ${mib} MiB, medians of ${runs} interleaved runs\n`);
  process.stdout.write(line('C readv/send/recv/writev', baseline) + line('page connection', ours));
  const throughput = median(figures.ws.map(({ rate }, i) => rate / (figures.c[i]?.rate ?? NaN)));
  const cpu = median(figures.ws.map((ws, i) => ws.cpu / (figures.c[i]?.cpu ?? NaN)));
  process.stdout.write(
    `throughput ${throughput.toFixed(2)} of C (goal 0.85), CPU ${cpu.toFixed(2)} times C (goal 1.30)\n`,
  );
} finally {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
}

// Copying memory out of and into another process, as Godwit does it, against C that does nothing else. The same
// process, interleaved; medians; CPU time counts. What Godwit does besides (pages of zeros, checksums) is shown by itself.
// Options: --mib N (512), --runs N (7).
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { alignedBuffer } from '../src/kernel/aligned-memory.ts';
import { native } from '../src/native.ts';
import { pageSize } from '../src/units.ts';
import { compile } from './lib/compile.ts';
import { fullOrQuick } from './lib/sizes.ts';
import { median } from './lib/statistics.ts';
import { cpuMsOf, PageWriterProcess } from './pages/page-writer.ts';

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: String(fullOrQuick(512, 64)) },
    runs: { type: 'string', default: String(fullOrQuick(7, 3)) },
  },
});
const mib = Number(values.mib);
const runs = Number(values.runs);
const blockLength = 1024 * 1024;
const blockPages = blockLength / pageSize;
const writerProgram = compile('page-writer');
const copyProgram = compile('copy-memory');

const writer = await PageWriterProcess.start(writerProgram.binary, mib);
const { pid, address, length } = writer;
const memFd = openSync(`/proc/${pid}/mem`, 'r+');
const pagemapFd = openSync(`/proc/${pid}/pagemap`, 'r');
const block = alignedBuffer(blockLength).fill(1);

function gigabytesPerSecond(bytes: number, ms: number): number {
  return bytes / 1e6 / ms;
}

function baseline(mode: string, bytes: number): number {
  const args = [pid, address, length].map(String);
  return gigabytesPerSecond(
    bytes,
    Number(execFileSync(copyProgram.binary, [...args, mode], { encoding: 'utf8' })) * 1000,
  );
}

function read(pages: Float64Array, count: number, bytes: number, hash: boolean): number {
  const kept = new Float64Array(2 * blockPages);
  const zero = new Float64Array(2 * blockPages);
  const result = new Float64Array(5);
  const cursor = new Float64Array(2);
  const ms = cpuMsOf(() => {
    while ((cursor[0] ?? 0) < count) {
      const error = native.readPages(pid, memFd, pagemapFd, pages, count, cursor, block, kept, zero, result);
      if (error < 0) throw new Error(`errno ${-error}`);
      if (hash) native.xxh3(block);
    }
  });
  return gigabytesPerSecond(bytes, ms);
}

function write(different: boolean): number {
  const run = new Float64Array(2);
  const failed = new Float64Array(1);
  const ms = cpuMsOf(() => {
    for (let at = 0; at < length; at += blockLength) {
      run[0] = address + at;
      run[1] = blockLength;
      if (different) native.writeDifferent(pid, memFd, run, 1, block, failed);
      else native.writePages(pid, memFd, run, 1, block, failed);
    }
  });
  return gigabytesPerSecond(length, ms);
}

const whole = Float64Array.of(address, length);
const scattered = new Float64Array(length / pageSize);
for (let i = 0; i < scattered.length; i += 2) scattered.set([address + i * pageSize, pageSize], i);

const figures = new Map<string, number[]>();
function note(name: string, value: number): void {
  figures.set(name, [...(figures.get(name) ?? []), value]);
}
try {
  for (let i = 0; i < runs; i++) {
    block.fill(i + 1);
    note('C process_vm_readv', baseline('read', length));
    note('read', read(whole, 1, length, false));
    note('read and checksum', read(whole, 1, length, true));
    note('C process_vm_readv, scattered pages', baseline('scattered', length / 2));
    note('read, scattered pages', read(scattered, scattered.length / 2, length / 2, false));
    block.fill(i + 1);
    note('C process_vm_writev', baseline('write', length));
    note('write', write(false));
    note('write where different, all equal', write(true));
  }
  process.stdout.write(
    `copying ${mib} MiB of 4 KiB pages, GB for each CPU-second, medians of ${runs} interleaved runs\n`,
  );
  let reference = NaN;
  for (const [name, numbers] of figures) {
    const rate = median(numbers);
    if (name.startsWith('C ')) reference = rate;
    const ratio = name.startsWith('C ') ? '' : `${(rate / reference).toFixed(2)} of C`;
    process.stdout.write(`  ${name.padEnd(38)} ${rate.toFixed(2).padStart(7)}  ${ratio}\n`);
  }
} finally {
  writer.end();
  closeSync(memFd);
  closeSync(pagemapFd);
  rmSync(writerProgram.folder, { recursive: true });
  rmSync(copyProgram.folder, { recursive: true });
}

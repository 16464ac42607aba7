// Starts bench/baseline/page-writer.c: a process with memory that writes what it is told to.
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { native } from '../../src/native.ts';

/**
 * Compiles a program of bench/baseline into a new folder, which the caller removes. Where there is no compiler GODWIT_PREBUILT is
 * a folder that has it.
 */
export function compile(name: string): { readonly binary: string; readonly folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'godwit-bench-'));
  const prebuilt = process.env['GODWIT_PREBUILT'];
  if (prebuilt !== undefined) return { binary: join(prebuilt, name), folder };
  const binary = join(folder, name);
  execFileSync('cc', ['-O2', '-o', binary, join(import.meta.dirname, '../baseline', `${name}.c`)]);
  return { binary, folder };
}

export class PageWriterProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;
  address = 0;
  length = 0;

  private constructor(binary: string, mib: number) {
    this.#child = spawn(binary, [String(mib)], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  static async start(binary: string, mib: number): Promise<PageWriterProcess> {
    const started = new PageWriterProcess(binary, mib);
    const [address = 0, length = 0] = (await started.#line()).split(' ').map(Number);
    started.address = address;
    started.length = length;
    return started;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async tell(command: string): Promise<number> {
    this.#child.stdin.write(`${command}\n`);
    return Number(await this.#line());
  }

  /** A userfaultfd of the process as our descriptor. */
  async userfaultfd(): Promise<number> {
    const remote = await this.tell('userfaultfd');
    const pidfd = native.pidfdOpen(this.pid);
    const fd = native.pidfdGetfd(pidfd, remote);
    native.closeFd(pidfd);
    await this.tell(`close ${remote}`);
    return fd;
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }

  async #line(): Promise<string> {
    const { value } = (await this.#lines.next()) as { value: string };
    return value;
  }
}

export function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;
}

/** CPU time of this process, ms: what else runs on the machine does not count. */
export function cpuMsOf(work: () => void): number {
  const began = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1000;
}

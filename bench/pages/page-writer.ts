// Starts bench/baseline/page-writer.c: a process with memory that writes what it is told to.
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { readMaps } from '../../src/kernel/proc/maps.ts';
import { native } from '../../src/native.ts';
import { makeTracker, type ChosenTracker } from '../../src/source/trackers/choose.ts';
import type { Tracker } from '../../src/source/trackers/tracker.ts';

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

/** A tracker of all its memory. */
export async function track(writer: PageWriterProcess, chosen: ChosenTracker): Promise<Tracker> {
  const uffd = chosen.kind === 'pagemap-scan' ? await writer.userfaultfd() : -1;
  const tracker = makeTracker(chosen, writer.pid, {
    obtainUserfaultfd: () => uffd,
    whileStopped: (look) => {
      look(); // the writer waits for its next command: it stands still
    },
  });
  tracker.arm(readMaps(writer.pid) ?? []);
  return tracker;
}

/** CPU time of this process, ms: what else runs on the machine does not count. */
export function cpuMsOf(work: () => void): number {
  const began = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1000;
}

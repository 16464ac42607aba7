// A parent and 32 workers (test/workloads/crowd.c, workers) outside of any host, for tests of page tables.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readChildren } from '../../src/kernel/proc/children.ts';
import { readMaps } from '../../src/kernel/proc/maps.ts';
import type { PageRuns } from '../../src/kernel/page-runs.ts';
import { buildWorkload } from './workloads.ts';

export class Workers implements Disposable {
  readonly pid: number;
  readonly children: readonly number[];
  /** What they have in common. */
  readonly common: PageRuns;
  readonly #fds: number[] = [];

  /** `isWriting`: the parent goes on writing into a sixteenth of it. */
  static async start(mib: number, isWriting: boolean): Promise<Workers> {
    const crowd = spawn(await buildWorkload('crowd'), ['workers', String(mib)], {
      detached: true, // a process group, to be ended as one
      stdio: ['ignore', 'pipe', 'inherit'],
      env: isWriting ? { ...process.env, WORKLOAD_MOTION: '1' } : process.env,
    });
    const ended = once(crowd, 'exit').then(([code, signal]) => {
      throw new Error(`the workers ended before they were ready: ${String(code ?? signal)}`);
    });
    ended.catch(() => undefined); // later it is no news
    try {
      await Promise.race([once(crowd.stdout, 'data'), ended]); // "ready"
      return new Workers(crowd.pid ?? -1, mib * 2 ** 20);
    } catch (error) {
      endGroup(crowd.pid);
      throw error;
    }
  }

  private constructor(pid: number, bytes: number) {
    this.pid = pid;
    this.children = readChildren(pid) ?? [];
    const start = readMaps(pid)?.find((vma) => vma.end - vma.start === bytes)?.start ?? 0;
    this.common = { runs: Float64Array.of(start, bytes), count: 1 };
  }

  /** A file of /proc/PID, until the end. */
  open(pid: number, name: 'mem' | 'pagemap'): number {
    const fd = openSync(`/proc/${pid}/${name}`, 'r');
    this.#fds.push(fd);
    return fd;
  }

  [Symbol.dispose](): void {
    for (const fd of this.#fds) closeSync(fd);
    endGroup(this.pid);
  }
}

function endGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, 'SIGKILL');
  } catch {
    // it has ended
  }
}

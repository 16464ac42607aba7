// What keeper tests need around them: processes that show whether they run, a folder of their own, and a look for leftovers.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { cgroup2Base, removeCgroupDir } from '../../src/kernel/cgroup2.ts';
import { Fence } from '../../src/kernel/fence.ts';
import { keeperPath } from '../../src/kernel/keeper-process.ts';
import { allProcesses } from './processes.ts';
import { sleep, until } from './commands.ts';

/** The `skip` option of a test: false, or the reason, said loudly. */
export function unlessFences(): string | false {
  try {
    keeperPath();
    if (process.geteuid?.() !== 0) throw new Error('not root');
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    try {
      Fence.around(newId(), [child.pid ?? 0]).remove();
    } finally {
      child.kill('SIGKILL');
    }
    return false;
  } catch (error) {
    const reason = `no keeper tests: ${error instanceof Error ? error.message : String(error)}`;
    process.stderr.write(`SKIPPED: ${reason}\n`);
    return reason;
  }
}

export function newId(): string {
  return `test-${randomUUID().slice(0, 18)}`;
}

/** Sets GODWIT_RUN_DIR and GODWIT_STATE_DIR for this process and its children. */
export function ownFolders(): { readonly root: string; readonly remove: () => void } {
  const root = mkdtempSync(join(tmpdir(), 'godwit-keeper-'));
  process.env['GODWIT_RUN_DIR'] = join(root, 'run');
  process.env['GODWIT_STATE_DIR'] = join(root, 'state');
  return {
    root,
    remove: () => {
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** A process that writes one byte after the other: the length of its file is its count. */
export class Counter {
  readonly path: string;
  readonly child: ChildProcess;

  constructor(root: string) {
    this.path = join(root, `count-${randomUUID()}`);
    this.child = spawn('sh', ['-c', `exec >"${this.path}"; while :; do printf x; done`], { stdio: 'ignore' });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get count(): number {
    return existsSync(this.path) ? statSync(this.path).size : 0;
  }

  async started(): Promise<void> {
    await until('the counter to count', () => this.count > 0);
  }

  /** Goes on; it may have to wait for a processor on a busy machine. */
  async counts(limitMs = 5000): Promise<boolean> {
    const before = this.count;
    const end = performance.now() + limitMs;
    while (performance.now() < end) {
      if (this.count > before) return true;
      await sleep(5);
    }
    return false;
  }

  /** Writes nothing for so long. */
  async stands(ms = 60): Promise<boolean> {
    const before = this.count;
    await sleep(ms);
    return this.count === before;
  }

  /** Milliseconds until it counts again, looked at without a pause. */
  msUntilItCounts(limitMs = 5000): number {
    const before = this.count;
    const began = performance.now();
    while (this.count === before) {
      if (performance.now() - began > limitMs) throw new Error(`it does not count within ${limitMs} ms`);
    }
    return performance.now() - began;
  }

  end(): void {
    this.child.kill('SIGKILL');
  }
}

/** What is still there of a migration: processes, cgroups, folders. */
export function leftovers(id: string): string[] {
  const processes = allProcesses()
    .filter(({ command }) => command.includes('godwit-keeper') && command.includes(id))
    .map(({ outsidePid, state, command }) => `process ${outsidePid} ${state} ${command.slice(0, 60)}`);
  const dir = join(process.env['GODWIT_RUN_DIR'] ?? '', id);
  return [...processes, ...cgroupsOf(id), ...(existsSync(dir) ? [dir] : [])];
}

function cgroupsOf(id: string): string[] {
  return readdirSync(cgroup2Base()).filter((name) => name.includes(id));
}

/** Behind a keeper that the test has killed. */
export function removeCgroups(id: string): void {
  for (const name of cgroupsOf(id)) removeCgroupDir(join(cgroup2Base(), name));
}

/** Waits until nothing is left of a migration. */
export async function nothingLeft(id: string): Promise<true> {
  return until(
    () => `nothing left: ${leftovers(id).join('; ')}`,
    () => leftovers(id).length === 0,
  );
}

/** A PID that nobody has and that the kernel will not give out soon. */
export function freePid(): number {
  const max = Number(readFileSync('/proc/sys/kernel/pid_max', 'utf8'));
  for (;;) {
    const pid = Math.floor(max * 0.9 + Math.random() * max * 0.09);
    if (!existsSync(`/proc/${pid}`)) return pid;
  }
}

// What tests of shells begin with: a process that is ready to become the first one, and layouts made by hand.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import type { ProcessLayout, TreeLayout } from '../../src/images/layout.ts';
import type { FileIdentity, Mapping } from '../../src/images/memory.ts';
import { readMaps } from '../../src/kernel/proc/maps.ts';
import { ShellTree } from '../../src/target/shell-tree.ts';

const folder = mkdtempSync(join(tmpdir(), 'godwit-shell-'));
const seedBinary = join(folder, 'seed');
execFileSync('cc', [
  '-static',
  '-O1',
  '-o',
  seedBinary,
  new URL('../native/seed.c', import.meta.url).pathname,
]);
t.teardown(() => {
  rmSync(folder, { recursive: true });
});

/** A process that is ready to become the first shell. */
async function startSeed(): Promise<ChildProcess> {
  const seed = spawn(seedBinary, [String(process.pid)], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(seed.stdout, 'data');
  return seed;
}

const plain = {
  shared: false,
  offset: 0,
  growsDown: false,
  noReserve: false,
  locked: false,
  lockOnFault: false,
  advice: [],
  writable: false,
};
export function anonymous(
  start: number,
  length: number,
  protection: number,
  more: Partial<Mapping> = {},
): Mapping {
  return { ...plain, start, end: start + length, protection, kind: 'anonymous', ...more };
}

/** The special mappings of this very kernel, with their sizes, from `at` on. */
export function specials(at: number): Mapping[] {
  const order = ['vvar', 'vvar_vclock', 'vdso'] as const;
  let start = at;
  return order.flatMap((kind) => {
    const own = readMaps('self')?.find((vma) => vma.special === kind);
    if (own === undefined) return [];
    const mapping: Mapping = { ...plain, start, end: start + own.end - own.start, protection: 5, kind };
    start = mapping.end;
    return [mapping];
  });
}

export function identity(path: string): FileIdentity {
  const stat = statSync(path, { bigint: true });
  const { dev, ino } = stat;
  return {
    path,
    size: Number(stat.size),
    mtimeMs: Number(stat.mtimeNs) / 1e6,
    dev,
    ino,
    written: false,
    compare: 'content',
    ownStorage: false,
  };
}

export function layoutOf(
  processes: ProcessLayout[],
  mappings: Mapping[],
  more: Partial<TreeLayout> = {},
): TreeLayout {
  const spaces = processes.map(({ pid }) => ({ id: pid, mappings }));
  return { root: processes[0]?.pid ?? 0, processes, spaces, files: [], objects: [], ...more };
}

export function freePids(count: number): number[] {
  const result: number[] = [];
  for (let pid = 30_011; result.length < count; pid += 7) if (!existsSync(`/proc/${pid}`)) result.push(pid);
  return result;
}

/** A tree without a shell yet, and the process that becomes its first; gone after the test. */
export async function startShellTree(t: Test): Promise<{ tree: ShellTree; root: number }> {
  const seed = await startSeed();
  const root = seed.pid ?? 0;
  const tree = new ShellTree((vpid) => ({ vpid, pid: root, agentPidfd: 500, sid: 0 }), true);
  t.teardown(() => {
    tree.destroy();
    seed.stdout?.destroy();
    seed.unref(); // we have reaped it as its tracer; nobody will tell node
  });
  return { tree, root };
}

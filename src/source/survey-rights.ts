// What keeps a plain user from looking into own processes, and from freezing them.
import { accessSync, constants, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Blocker } from '../images/requirements.ts';
import { cgroup2Base, cgroup2Dir } from '../kernel/cgroup2.ts';
import { hasCapability } from '../kernel/rights.ts';
import type { SourceProcess } from './tree.ts';

export function surveyRights(processes: readonly SourceProcess[]): Blocker[] {
  const effective = process.geteuid?.() ?? 0;
  if (effective === 0) return [];
  return [...surveyPtrace(), ...surveyCgroups(processes)];
}

/** Yama (Documentation/admin-guide/LSM/Yama.rst): from 1 on only ancestors may look into a process. */
function surveyPtrace(): Blocker[] {
  const file = '/proc/sys/kernel/yama/ptrace_scope';
  if (hasCapability('sysPtrace') || scopeOf(file) === '0') return [];
  const reason = 'it lets nobody without CAP_SYS_PTRACE look into processes that are no descendants';
  return [blocker(file, reason, 'sysctl kernel.yama.ptrace_scope=0, or run migrate as root')];
}

function scopeOf(file: string): string {
  try {
    return readFileSync(file, 'latin1').trim();
  } catch {
    return '0'; // a kernel without it
  }
}

/** Who moves a process from one cgroup to another must be allowed to write in the one that both are below of (cgroups(7), Delegation). */
function surveyCgroups(processes: readonly SourceProcess[]): Blocker[] {
  const base = cgroup2Base();
  const dirs = new Set(
    processes.flatMap(({ pid, zombie }) => (zombie === undefined ? (cgroup2Dir(pid) ?? []) : [])),
  );
  return [...dirs].flatMap((dir) => {
    const above = commonDirectory(dir, base);
    if (mayMoveIn(base) && mayMoveIn(above)) return [];
    const where = mayMoveIn(base) ? above : base;
    const reason = `the tree is in it, and to freeze it godwit must be allowed to write ${where}/cgroup.procs`;
    const remedy =
      'start tree and godwit in one delegated cgroup (systemd-run --user --scope -p Delegate=yes), or run migrate as root';
    return [blocker(`cgroup ${dir}`, reason, remedy)];
  });
}

function commonDirectory(a: string, b: string): string {
  let common = a;
  while (common !== '/' && b !== common && !b.startsWith(`${common}/`)) common = dirname(common);
  return common;
}

function mayMoveIn(dir: string): boolean {
  try {
    accessSync(join(dir, 'cgroup.procs'), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function blocker(object: string, reason: string, remedy: string): Blocker {
  return { side: 'source', object, reason, remedy };
}

// What keeps a plain user from looking into own processes, and from freezing them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Blocker } from '../images/requirements.ts';
import { cgroup2Dir, isWritable } from '../kernel/cgroup2.ts';
import { hasCapability } from '../kernel/rights.ts';
import { blocker } from './blocker.ts';
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

/**
 * Who moves a process to a cgroup below its own must be allowed to make that, and to write its own's cgroup.procs (cgroups(7), Delegation:
 * the nearest that both are in). Where godwit itself is does not matter.
 */
function surveyCgroups(processes: readonly SourceProcess[]): Blocker[] {
  const dirs = new Set(
    processes.flatMap(({ pid, zombie }) => (zombie === undefined ? (cgroup2Dir(pid) ?? []) : [])),
  );
  return [...dirs].flatMap((dir) => {
    if (isWritable(dir) && isWritable(join(dir, 'cgroup.procs'))) return [];
    const reason = `the tree is in it, and to freeze it godwit must be allowed to write in it, ${dir}/cgroup.procs too`;
    const remedy =
      'start the tree in a delegated cgroup (systemd-run --user --scope -p Delegate=yes), or run migrate as root';
    return [blocker(`cgroup ${dir}`, reason, remedy)];
  });
}

// How the parent of a vfork(2) looks from outside.
import { pause } from './pause.ts';
import { readState } from './proc/stat.ts';
import { readSyscall } from './proc/syscall.ts';
import { syscalls } from './syscalls.ts';

const calls = new Set<number>([syscalls.vfork, syscalls.clone, syscalls.clone3]);

/** Whether a thread waits for a child that it has lent its memory to. */
export function waitsInVfork(tid: number): boolean {
  return readState(tid) === 'D' && isInVfork(tid);
}

function isInVfork(tid: number): boolean {
  const blocked = readSyscall(tid);
  return blocked?.kind === 'syscall' && calls.has(blocked.nr);
}

/** How long a task that was woken in vain may take to sleep again: on a busy host it waits for a processor first. */
const awakeMs = 1000;
const napMs = 0.1;

/**
 * The same of a task in a frozen cgroup. There none runs, but a parent in vfork is woken in vain when its cgroup is thawed or changed
 * (cgroup_freeze_task in kernel/cgroup/freezer.c: wake_up_process), and is in state R until it sleeps again.
 */
export function waitsInVforkFrozen(tid: number): boolean {
  const end = performance.now() + awakeMs;
  let state = readState(tid);
  for (; state === 'R' && performance.now() < end; state = readState(tid)) pause(napMs);
  return state === 'D' && isInVfork(tid);
}

// How the parent of a vfork(2) looks from outside.
import { readStat } from './proc/stat.ts';
import { readSyscall } from './proc/syscall.ts';
import { syscalls } from './syscalls.ts';

const calls = new Set<number>([syscalls.vfork, syscalls.clone, syscalls.clone3]);

/** Whether a thread waits for a child that it has lent its memory to. */
export function waitsInVfork(tid: number): boolean {
  if (readStat(tid)?.state !== 'D') return false;
  const blocked = readSyscall(tid);
  return blocked?.kind === 'syscall' && calls.has(blocked.nr);
}

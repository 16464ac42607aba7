// Threads that wait in a System V object, by its ID: of such use nothing has been noted down yet.
import { readSyscall } from '../../kernel/proc/syscall.ts';
import type { SysvKind } from '../../kernel/proc/sysvipc.ts';
import { syscalls } from '../../kernel/syscalls.ts';
import type { SourceProcess } from '../tree.ts';

/** Calls that wait, with the ID as their first argument. */
const waits: ReadonlyMap<number, SysvKind> = new Map([
  [syscalls.semop, 'sem'],
  [syscalls.semtimedop, 'sem'],
  [syscalls.msgsnd, 'msg'],
  [syscalls.msgrcv, 'msg'],
]);

export interface Waiter {
  readonly pid: number;
  readonly id: number;
}

export function waitedFor(processes: readonly SourceProcess[], wanted: SysvKind): Waiter[] {
  return processes.flatMap(({ pid, zombie, threads }) => {
    if (zombie !== undefined) return [];
    return threads.flatMap(({ tid }) => {
      const blocked = readSyscall(pid, tid);
      if (blocked?.kind !== 'syscall' || waits.get(blocked.nr) !== wanted) return [];
      return [{ pid, id: Number(blocked.args[0] ?? 0n) }];
    });
  });
}

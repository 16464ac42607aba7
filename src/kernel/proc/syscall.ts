// /proc/PID/task/TID/syscall (proc_pid_syscall(5)): in which system call a thread is blocked. Needs the rights of
// ptrace-attach.
import { readProcText } from './read-proc.ts';

export type BlockedIn =
  | { readonly kind: 'running' }
  /** Blocked or stopped, but in no system call. */
  | { readonly kind: 'outside'; readonly sp: bigint; readonly pc: bigint }
  | {
      readonly kind: 'syscall';
      readonly nr: number;
      /** Six arguments. */
      readonly args: readonly bigint[];
      readonly sp: bigint;
      readonly pc: bigint;
    };

export function parseSyscall(text: string): BlockedIn {
  const fields = text.trim().split(' ');
  if (fields.length < 3) return { kind: 'running' };
  const nr = Number(fields[0]);
  const sp = BigInt(fields.at(-2) ?? 0);
  const pc = BigInt(fields.at(-1) ?? 0);
  if (nr === -1) return { kind: 'outside', sp, pc };
  return { kind: 'syscall', nr, args: fields.slice(1, 7).map(BigInt), sp, pc };
}

/** Undefined when the thread is gone. */
export function readSyscall(pid: number | 'self', tid?: number): BlockedIn | undefined {
  const text = readProcText(pid, 'syscall', tid);
  return text === undefined ? undefined : parseSyscall(text);
}

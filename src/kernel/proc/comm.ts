// /proc/PID/comm: the name of a process or thread, raw (spaces, parentheses and newlines included).
import { readProcText } from './read-proc.ts';

/** Undefined when it is gone. */
export function readComm(pid: number | 'self', tid?: number): string | undefined {
  return readProcText(pid, 'comm', tid)?.slice(0, -1);
}

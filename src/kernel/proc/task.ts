// /proc/PID/task: the threads of a process.
import { readProcNumbers } from './read-proc.ts';

/** TIDs, ascending; undefined when the process is gone. A leader that has ended stays listed as a zombie. */
export function readTids(pid: number | 'self'): number[] | undefined {
  return readProcNumbers(pid, 'task');
}

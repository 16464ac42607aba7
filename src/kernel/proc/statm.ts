// /proc/PID/statm (proc_pid_statm(5)): how much memory a process has, without walking over it.
import { readProcText } from './read-proc.ts';

/** Of 4 KiB, files and shared memory included, some of it counted late (split RSS counters). undefined: the process is gone. */
export function readResidentPages(pid: number): number | undefined {
  const text = readProcText(pid, 'statm');
  return text === undefined ? undefined : Number(text.split(' ')[1]);
}

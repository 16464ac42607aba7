// /proc/PID/task/TID/sched (CONFIG_SCHED_DEBUG): when a thread was last put on a CPU. Optional: undefined where it is not.
import { readFileSync } from 'node:fs';
import { asProcError, isGone, procDir } from './read-proc.ts';

const label = 'se.exec_start';

/** Milliseconds on the scheduler's clock, nanoseconds after the point; undefined without the line. */
export function parseExecStart(text: string): number | undefined {
  const at = text.indexOf(label);
  if (at < 0) return undefined;
  const colon = text.indexOf(':', at);
  const value = Number.parseFloat(text.slice(colon + 1, text.indexOf('\n', colon)));
  return Number.isNaN(value) ? undefined : value;
}

/** Undefined when the thread is gone, or when the kernel does not tell. */
export function readExecStart(pid: number | 'self', tid: number): number | undefined {
  const path = `${procDir(pid, tid)}/sched`;
  try {
    return parseExecStart(readFileSync(path, 'utf8'));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (isGone(error) || code === 'EACCES' || code === 'EPERM') return undefined;
    throw asProcError(error, path);
  }
}

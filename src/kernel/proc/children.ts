// The children of a process: /proc/PID/task/*/children (CONFIG_PROC_CHILDREN), or a search by parent where that is absent.
import { existsSync, readdirSync } from 'node:fs';
import { readProcText } from './read-proc.ts';
import { readStat } from './stat.ts';
import { readTids } from './task.ts';
import { numbersOf } from './text.ts';

let hasChildrenFile: boolean | undefined;

/**
 * PIDs, zombies included, of all threads' children; undefined when the process is gone. Exact only for a process
 * that stands still: while it runs, a child that is born or ends may be left out. `tids`: its threads, should they be known.
 */
export function readChildren(pid: number, tids = readTids(pid)): number[] | undefined {
  hasChildrenFile ??= existsSync('/proc/thread-self/children');
  return hasChildrenFile ? childrenByFile(pid, tids) : childrenByParent(pid);
}

function childrenByFile(pid: number, tids: readonly number[] | undefined): number[] | undefined {
  if (tids === undefined) return undefined;
  const children: number[] = [];
  for (const tid of tids) {
    const text = readProcText(pid, 'children', tid);
    if (text !== undefined && text !== '') children.push(...numbersOf(text));
  }
  return children;
}

/** Every process whose parent is `pid`: reads all of /proc. */
export function childrenByParent(pid: number): number[] | undefined {
  if (!existsSync(`/proc/${pid}`)) return undefined;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => readStat(candidate)?.ppid === pid);
}

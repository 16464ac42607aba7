// A process and all its descendants. While a tree runs, one pass over it may miss a child born behind the reader's back,
// so passes are repeated until two agree. Orphans that left the tree before the first pass cannot be found here.
import { readChildren } from './children.ts';
import { readStat, type Stat } from './stat.ts';
import { readTids } from './task.ts';

/** PID and start time name one process for good. */
export interface TreeEntry extends Stat {
  /** Ascending. */
  readonly tids: readonly number[];
}

export interface TreeOptions {
  /** Passes before the last one is taken as it is. 1: for a tree that is frozen. */
  readonly maxPasses?: number;
}

/** The root and all descendants, zombies included, each behind its parent; [] when the root is gone. */
export function readTree(root: number, { maxPasses = 8 }: TreeOptions = {}): TreeEntry[] {
  let previous = '';
  let entries: TreeEntry[] = [];
  for (let pass = 0; pass < maxPasses; pass++) {
    entries = readPass(root);
    const seen = entries.map((entry) => `${entry.pid}.${entry.startTime}`).join(' ');
    if (seen === previous) break;
    previous = seen;
  }
  return entries;
}

function readPass(root: number): TreeEntry[] {
  const entries: TreeEntry[] = [];
  const seen = new Set<number>();
  const queue = [root];
  for (let pid = queue.shift(); pid !== undefined; pid = queue.shift()) {
    if (seen.has(pid)) continue; // a PID used again within this pass
    const stat = readStat(pid);
    if (stat === undefined || stat.state === 'X') continue;
    seen.add(pid);
    const tids = readTids(pid) ?? [];
    entries.push({ ...stat, tids });
    queue.push(...(readChildren(pid, tids) ?? []));
  }
  return entries;
}

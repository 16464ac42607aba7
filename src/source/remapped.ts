// What the target maps afresh though the tree has it as before: a mapping is read from maps and from smaps one after the other, and what
// was split in between looks different for a round. The target has lost its pages then, and they are sent again.
import type { TreeLayout } from '../images/layout.ts';
import type { Mapping } from '../images/memory.ts';
import { isSameContent } from '../images/same-content.ts';
import { isPlaceholder } from './layout.ts';
import { runsOf, type PageRuns } from '../kernel/page-runs.ts';

export interface Remapped {
  /** PID of the space as the tree sees it. */
  readonly space: number;
  readonly ranges: PageRuns;
}

/** What a new layout takes from spaces that the target has, or that begin as copies of their parents'. */
export function remapped(before: TreeLayout | undefined, now: TreeLayout): Remapped[] {
  if (before === undefined) return [];
  const had = new Map(before.spaces.map(({ id, mappings }) => [id, mappings]));
  const parents = new Map(now.processes.map(({ pid, ppid, inherits }) => [pid, inherits ? ppid : 0]));
  // A child is cloned when its parent has followed this very layout.
  const has = new Map(now.spaces.map(({ id, mappings }) => [id, mappings]));
  return now.spaces.flatMap(({ id, mappings }) => {
    const old = had.get(id) ?? has.get(parents.get(id) ?? 0);
    if (old === undefined || old === mappings) return [];
    const ranges = changed(old, mappings);
    return ranges.length === 0 ? [] : [{ space: id, ranges: runsOf(ranges) }];
  });
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Where the tracker sees no other mapping than before, and the target does. What was replaced in the tree the tracker sends by itself. */
function changed(old: readonly Mapping[], wanted: readonly Mapping[]): Range[] {
  const [before, after] = [byStart(old), byStart(wanted)];
  const found: Range[] = [];
  for (let i = 0, j = 0; i < before.length && j < after.length;) {
    const [a, b] = [before[i], after[j]];
    if (a === undefined || b === undefined) break;
    const [start, end] = [Math.max(a.start, b.start), Math.min(a.end, b.end)];
    if (start < end && !isSameContent(a, b) && looksTheSame(a, b)) found.push({ start, end });
    if (a.end <= b.end) i++;
    if (b.end <= a.end) j++;
  }
  return found;
}

function looksTheSame(a: Mapping, b: Mapping): boolean {
  if (isPlaceholder(a) || isPlaceholder(b)) return true;
  const { growsDown, noReserve, writable } = b;
  return isSameContent({ ...a, growsDown, noReserve, writable }, b);
}

const byStart = (mappings: readonly Mapping[]): Mapping[] => mappings.toSorted((a, b) => a.start - b.start);

// Which ranges count as a whole because the target does not hold them, whatever was written there: mappings that are new, and
// mappings that were replaced by others since the last look. The second kind is easily overlooked: if a mapping is replaced
// between the reading of maps and the scan, its pages are sent as pages of the old one, and count as clean; with the next
// reading the target maps the new one afresh and drops them.
import type { Vma } from '../../kernel/proc/maps.ts';
import { runsOf } from '../../kernel/page-runs.ts';
import type { PageRuns } from '../../kernel/page-runs.ts';

interface Range {
  readonly start: number;
  readonly end: number;
}

export class SeenMappings {
  #before: readonly Vma[] = [];
  #fresh: Range[] = [];

  /** Takes the mappings of a new reading, ascending. */
  look(now: readonly Vma[]): void {
    const kept = keptRanges(this.#before, now);
    this.#fresh.push(...without(now, kept));
    this.#before = now;
  }

  /** For other reasons these count as a whole too. */
  add(ranges: readonly Range[]): void {
    this.#fresh.push(...ranges);
  }

  /** What counts as a whole since the last settling; ascending. */
  ranges(more: readonly Range[] = []): PageRuns {
    return runsOf(merged([...this.#fresh, ...more]));
  }

  /** All of it was collected and is going to be sent. */
  settle(): void {
    this.#fresh = [];
  }
}

/** Where the same thing stays mapped at the same place, so that contents stay valid. Both lists ascending. */
export function keptRanges(before: readonly Vma[], now: readonly Vma[]): Range[] {
  const kept: Range[] = [];
  let j = 0;
  for (const old of before) {
    while ((now[j]?.end ?? Infinity) <= old.start) j++;
    for (let k = j; (now[k]?.start ?? Infinity) < old.end; k++) {
      const vma = now[k];
      if (vma === undefined || !isSameContent(old, vma)) continue;
      kept.push({ start: Math.max(old.start, vma.start), end: Math.min(old.end, vma.end) });
    }
  }
  return kept;
}

function isSameContent(a: Vma, b: Vma): boolean {
  if (a.inode !== b.inode || a.devMajor !== b.devMajor || a.devMinor !== b.devMinor) return false;
  if (a.deleted !== b.deleted) return false; // the target maps another file then (deleted-files.ts)
  if ((a.special === 'stack') !== (b.special === 'stack')) return false; // it grows down
  return a.inode === 0 || a.offset - a.start === b.offset - b.start;
}

/** `holes` lie inside the ranges; all ascending. */
function without(ranges: readonly Range[], holes: readonly Range[]): Range[] {
  const rest: Range[] = [];
  let j = 0;
  for (const range of ranges) {
    let { start } = range;
    for (let hole = holes[j]; hole !== undefined && hole.start < range.end; hole = holes[++j]) {
      if (start < hole.start) rest.push({ start, end: hole.start });
      start = hole.end;
    }
    if (start < range.end) rest.push({ start, end: range.end });
  }
  return rest;
}

function merged(ranges: readonly Range[]): Range[] {
  const result: { start: number; end: number }[] = [];
  for (const { start, end } of ranges.toSorted((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else result.push({ start, end });
  }
  return result;
}

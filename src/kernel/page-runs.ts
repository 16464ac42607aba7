// Runs of pages as they cross to native code: pairs [start address, length in bytes] in one Float64Array.
import { GodwitError } from '../errors.ts';
import { errnoName } from './program.ts';
import { native } from '../native.ts';
import type { NativePageSet, OwnedMethod } from '../native-pages.ts';
import { pageSize } from '../units.ts';

export interface PageRuns {
  readonly runs: Float64Array;
  readonly count: number;
}

export const noRuns: PageRuns = { runs: new Float64Array(0), count: 0 };

/** Room for so many runs in the first call of a native function; what does not fit takes another call, with twice the room. */
const firstRoom = 4096;
/** Used again and again: a frozen tree of 150 processes has some thousand of these calls, and 64 KiB for each were a sixth of its pause. */
const firstOut = new Float64Array(2 * firstRoom);

export function runsOf(ranges: readonly { readonly start: number; readonly end: number }[]): PageRuns {
  const runs = new Float64Array(ranges.length * 2);
  for (const [i, { start, end }] of ranges.entries()) {
    runs[2 * i] = start;
    runs[2 * i + 1] = end - start;
  }
  return { runs, count: ranges.length };
}

export function pagesIn({ runs, count }: PageRuns): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += runs[2 * i + 1] ?? 0;
  return sum / pageSize;
}

/** What lies in both lists of ascending ranges. */
export function intersection(a: PageRuns, b: PageRuns): PageRuns {
  const found = new Float64Array(2 * (a.count + b.count));
  let count = 0;
  for (let i = 0, j = 0; i < a.count && j < b.count;) {
    const endA = (a.runs[2 * i] ?? 0) + (a.runs[2 * i + 1] ?? 0);
    const endB = (b.runs[2 * j] ?? 0) + (b.runs[2 * j + 1] ?? 0);
    const start = Math.max(a.runs[2 * i] ?? 0, b.runs[2 * j] ?? 0);
    const end = Math.min(endA, endB);
    if (start < end) {
      found[2 * count] = start;
      found[2 * count + 1] = end - start;
      count++;
    }
    if (endA <= endB) i++;
    else j++;
  }
  return { runs: found.subarray(0, 2 * count), count };
}

/**
 * Calls a native function with room and a cursor until `isDone`, and puts together what it found.
 * Returns the negative errno if it fails.
 */
function gather(
  call: (out: Float64Array, cursor: Float64Array) => number,
  isDone: (cursor: Float64Array) => boolean,
): PageRuns | number {
  const cursor = new Float64Array(2);
  const parts: Float64Array[] = [];
  let count = 0;
  for (let room = firstRoom; ; room *= 2) {
    const out = room === firstRoom ? firstOut : new Float64Array(2 * room);
    const found = call(out, cursor);
    if (found < 0) return found;
    count += found;
    parts.push(out.slice(0, 2 * found));
    if (isDone(cursor)) break;
  }
  if (parts.length === 1) return { runs: parts[0] ?? noRuns.runs, count };
  const runs = new Float64Array(2 * count);
  let at = 0;
  for (const part of parts) {
    runs.set(part, at);
    at += part.length;
  }
  return { runs, count };
}

/** Pages of the set inside the ranges, ascending if those are. */
export function runsInside(set: NativePageSet, ranges: PageRuns): PageRuns {
  const found = gather(
    (out, cursor) => set.runs(ranges.runs, ranges.count, out, cursor),
    (cursor) => (cursor[0] ?? 0) >= ranges.count,
  );
  if (typeof found === 'number') throw new GodwitError('INTERNAL', `a page set failed: ${errnoName(found)}`);
  return found;
}

/** All pages of the set, ascending. */
export function runsOfSet(set: NativePageSet): PageRuns {
  return runsInside(set, everything);
}

const everything: PageRuns = { runs: Float64Array.of(0, 2 ** 47), count: 1 };

export function setOf(...parts: readonly PageRuns[]): NativePageSet {
  const set = new native.PageSet();
  for (const { runs, count } of parts) set.add(runs, count);
  return set;
}

/** The process's own pages inside sorted ranges (see NativePages.ownedRuns), or a negative errno: the space is gone. */
export function ownedRuns(
  pagemapFd: number,
  ranges: PageRuns,
  method: OwnedMethod,
  { proven = false } = {},
): PageRuns | number {
  return gather(
    (out, cursor) => native.ownedRuns(pagemapFd, ranges.runs, ranges.count, method, out, cursor, proven),
    (cursor) => (cursor[0] ?? 0) >= ranges.count,
  );
}

/** Where both spaces map the same frame; none without CAP_SYS_ADMIN. */
export function sameFrames(pagemapA: number, pagemapB: number, ranges: PageRuns): PageRuns | number {
  return gather(
    (out, cursor) => native.sameFrames(pagemapA, pagemapB, ranges.runs, ranges.count, out, cursor),
    (cursor) => (cursor[0] ?? 0) >= ranges.count,
  );
}

/** Pages of the set in 2 MiB blocks that have no page table. */
export function unbackedRuns(set: NativePageSet, pagemapFd: number): PageRuns | number {
  return gather(
    (out, next) => set.unbacked(pagemapFd, out, next),
    (next) => next[0] === 0,
  );
}

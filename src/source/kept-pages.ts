// Which pages of before the target still has when it has followed a new layout: only these can deltas be made against.
import type { TreeLayout } from '../images/layout.ts';
import type { Mapping, SharedObject } from '../images/memory.ts';
import { isSameContent } from '../images/same-content.ts';
import { noRuns, runsOf, type PageRuns } from '../kernel/page-runs.ts';
import { pageSize } from '../units.ts';

export interface KeptPages {
  readonly of: { readonly kind: 'space' | 'object'; readonly space: number };
  readonly kept: PageRuns;
}

/** Of what the target had and has to change. A space that looks as before is not among it. */
export function keptPages(before: TreeLayout | undefined, now: TreeLayout): KeptPages[] {
  if (before === undefined) return [];
  const spaces = new Map(now.spaces.map(({ id, mappings }) => [id, mappings]));
  const objects = new Map(now.objects.map((object) => [object.id, object]));
  return [
    ...before.spaces.flatMap(({ id, mappings }) => {
      const after = spaces.get(id);
      if (after === mappings) return [];
      return [{ of: { kind: 'space' as const, space: id }, kept: after ? keptOf(mappings, after) : noRuns }];
    }),
    ...before.objects.flatMap((object) => {
      const after = objects.get(object.id);
      if (after?.size === object.size && after.kind === object.kind) return [];
      return [{ of: { kind: 'object' as const, space: object.id }, kept: keptOfObject(object, after) }];
    }),
  ];
}

/** Where the same thing stays mapped. */
function keptOf(before: readonly Mapping[], now: readonly Mapping[]): PageRuns {
  const [had, has] = [byStart(before), byStart(now)];
  const kept: { start: number; end: number }[] = [];
  for (let i = 0, j = 0; i < had.length && j < has.length;) {
    const [a, b] = [had[i], has[j]];
    if (a === undefined || b === undefined) break;
    const [start, end] = [Math.max(a.start, b.start), Math.min(a.end, b.end)];
    if (start < end && isSameContent(a, b)) kept.push({ start, end });
    if (a.end <= b.end) i++;
    if (b.end <= a.end) j++;
  }
  return runsOf(kept);
}

/** Whole pages below both ends: of the one at the end a part was cut off or filled up. */
function keptOfObject({ size, kind }: SharedObject, now: SharedObject | undefined): PageRuns {
  const end = now?.kind === kind ? Math.floor(Math.min(size, now.size) / pageSize) * pageSize : 0;
  return end === 0 ? noRuns : runsOf([{ start: 0, end }]);
}

const byStart = (mappings: readonly Mapping[]): Mapping[] => mappings.toSorted((a, b) => a.start - b.start);

// What processes have in common by flags of clone(2), found by kcmp(2).
import { native } from '../native.ts';

/** KCMP_* of linux/kcmp.h. */
export const kcmpKind = { memory: 1, descriptors: 2, places: 3, handlers: 4, undo: 6 } as const;
export type SharedKind = keyof typeof kcmpKind;

/** kcmp(2): 0 equal, 1 less, 2 greater; a negative errno when one is gone. */
function compare(kind: SharedKind, a: number, b: number): number {
  return native.kcmp(a, b, kcmpKind[kind], 0, 0);
}

/** Whether two tasks have one of these now. */
export function share(kind: SharedKind, a: number, b: number): boolean {
  return compare(kind, a, b) === 0;
}

interface Child {
  readonly pid: number;
  readonly parent?: { readonly pid: number; readonly zombie: number | undefined } | undefined;
}

/** Whether a process has one of these in common with its parent, which lives. */
export function sharesWithParent(kind: SharedKind, { pid, parent }: Child): boolean {
  return parent !== undefined && parent.zombie === undefined && share(kind, pid, parent.pid);
}

/** What a shell can have in common with its parent's, and how messages call it. */
export const inheritable = [
  ['places', 'one working directory (CLONE_FS)'],
  ['descriptors', 'one descriptor table (CLONE_FILES)'],
  ['memory', 'one address space (CLONE_VM)'],
] as const;

/**
 * Pairs that share while the second does not share with its parent, from which alone its shell could get it: one of its parents in
 * between has ended, or has taken places or descriptors of its own.
 */
export function sharingStrangers<P extends Child>(
  kind: SharedKind,
  living: readonly P[],
): [first: P, other: P][] {
  return sharers(living, kind).filter(([, process]) => !sharesWithParent(kind, process));
}

/**
 * Pairs of processes that share: each with the first of its group, parents first. kcmp tells an order, so that all are sorted in n log n
 * comparisons, siblings by CLONE_PARENT among them.
 */
export function sharers<P extends { readonly pid: number }>(
  processes: readonly P[],
  kind: SharedKind,
  order: (kind: SharedKind, a: number, b: number) => number = compare,
): [first: P, other: P][] {
  const pairs: [P, P][] = [];
  const sorted: P[] = [];
  for (const process of processes) {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const candidate = sorted[middle];
      if (candidate === undefined) break;
      const result = order(kind, process.pid, candidate.pid);
      if (result === 0) {
        pairs.push([candidate, process]);
        break;
      }
      if (result === 1) high = middle;
      else low = middle + 1;
    }
    if (low >= high) sorted.splice(low, 0, process);
  }
  return pairs;
}

// What must change in an address space so that it looks as wanted: a sweep over the intervals of both lists.
// Pure. Content is kept where the same thing stays mapped at the same place; everything else is mapped afresh.
import type { Mapping } from '../images/memory.ts';
import { isSameContent } from '../images/same-content.ts';
import type { Range } from './scratch.ts';

/** A special mapping that goes elsewhere as a whole. */
export interface Move {
  readonly kind: Mapping['kind'];
  readonly from: number;
  readonly to: number;
  readonly length: number;
}

/** `advice` is given to what is mapped already. */
export type Change =
  | ({ readonly what: 'protect'; readonly protection: number } & Range)
  | ({ readonly what: 'advise'; readonly advice: number } & Range)
  | ({ readonly what: 'name'; readonly name: string } & Range);

/** To be applied in this order: unmap, move, map, change. */
export interface LayoutDifference {
  readonly unmap: readonly Range[];
  readonly move: readonly Move[];
  /** Pieces to be mapped (MAP_FIXED over what was there), with their offsets. */
  readonly map: readonly Mapping[];
  readonly change: readonly Change[];
}

/** PROT_READ; PROT_READ | PROT_WRITE; PROT_EXEC. */
const read = 1;
const readWrite = 3;
const execute = 4;

/** PROT_EXEC alone. */
export function isExecuteOnly({ protection }: Pick<Mapping, 'protection'>): boolean {
  return protection === execute;
}

/**
 * What a mapping has while pages come: before Linux 6.14 nobody can write to a private huge page whose mapping forbids it, not even by way of
 * /proc/PID/mem (check_vma_flags of mm/gup.c). And for memory with PROT_EXEC alone the kernel would choose a protection key, which shells that
 * are cloned from this one could not get rid of (protection-keys.ts).
 */
export function stagedProtection({ protection, shared, hugePage }: Mapping): number {
  const staged = isExecuteOnly({ protection }) ? protection | read : protection;
  return hugePage === undefined || shared ? staged : staged | readWrite;
}

const special: ReadonlySet<Mapping['kind']> = new Set(['vdso', 'vvar', 'vvar_vclock']);
export function isSpecial(mapping: Mapping): boolean {
  return special.has(mapping.kind);
}

/** MADV_* that take an earlier one back; what is missing here cannot be taken back and does not matter. */
const opposite: ReadonlyMap<number, number> = new Map([
  [1, 0], [2, 0], [10, 11], [12, 13], [16, 17], [18, 19],
]); // prettier-ignore

/** Both lists in any order, each without overlaps. */
export function layoutDifference(has: readonly Mapping[], wants: readonly Mapping[]): LayoutDifference {
  const unmap: Range[] = [];
  const map: Mapping[] = [];
  const change: Change[] = [];
  for (const { range, old, wanted } of intervals(byStart(has), byStart(wants))) {
    if (old !== undefined && isSpecial(old)) {
      if (wanted !== undefined && !isSpecial(wanted)) pushPiece(map, wanted, range);
      else if (wanted === undefined && !wants.some(({ kind }) => kind === old.kind)) pushRange(unmap, range);
    } else if (wanted === undefined || isSpecial(wanted)) {
      if (old !== undefined) pushRange(unmap, range);
    } else if (old !== undefined && isSameContent(old, wanted)) {
      change.push(...changes(old, wanted, range));
    } else {
      // Of a huge page no part can be mapped over: all that goes of such a mapping is whole pages, and is unmapped together.
      if (old?.hugePage !== undefined) pushRange(unmap, range);
      pushPiece(map, wanted, range);
    }
  }
  return { unmap, move: moves(has, wants), map, change: merged(change) };
}

interface Interval {
  readonly range: Range;
  readonly old: Mapping | undefined;
  readonly wanted: Mapping | undefined;
}

/** Cuts both sorted lists at all borders; leaves out what neither covers. */
function* intervals(has: readonly Mapping[], wants: readonly Mapping[]): Generator<Interval> {
  let i = 0;
  let j = 0;
  let at = 0;
  while (i < has.length || j < wants.length) {
    const old = has[i];
    const wanted = wants[j];
    at = Math.max(at, Math.min(old?.start ?? Infinity, wanted?.start ?? Infinity));
    const inOld = old !== undefined && old.start <= at;
    const inWanted = wanted !== undefined && wanted.start <= at;
    const end = Math.min(
      old === undefined ? Infinity : inOld ? old.end : old.start,
      wanted === undefined ? Infinity : inWanted ? wanted.end : wanted.start,
    );
    yield {
      range: { start: at, end },
      old: inOld ? old : undefined,
      wanted: inWanted ? wanted : undefined,
    };
    at = end;
    if (old !== undefined && old.end <= end) i++;
    if (wanted !== undefined && wanted.end <= end) j++;
  }
}

function* changes(old: Mapping, wanted: Mapping, range: Range): Generator<Change> {
  const protection = stagedProtection(wanted);
  if (stagedProtection(old) !== protection) yield { what: 'protect', protection, ...range };
  for (const advice of old.advice) {
    const back = opposite.get(advice);
    if (back !== undefined && !wanted.advice.includes(advice))
      yield { what: 'advise', advice: back, ...range };
  }
  for (const advice of wanted.advice) {
    if (!old.advice.includes(advice)) yield { what: 'advise', advice, ...range };
  }
  if (old.name !== wanted.name) yield { what: 'name', name: wanted.name ?? '', ...range };
}

function moves(has: readonly Mapping[], wants: readonly Mapping[]): Move[] {
  const result: Move[] = [];
  for (const old of has) {
    if (!isSpecial(old)) continue;
    const wanted = wants.find((mapping) => mapping.kind === old.kind);
    if (wanted === undefined || wanted.start === old.start) continue;
    result.push({ kind: old.kind, from: old.start, to: wanted.start, length: old.end - old.start });
  }
  return result;
}

function pushRange(list: Range[], range: Range): void {
  const last = list.at(-1);
  if (last?.end === range.start) list[list.length - 1] = { start: last.start, end: range.end };
  else list.push(range);
}

/** The part of a wanted mapping inside `range`, with its offset; grown together with the piece before it. */
function pushPiece(list: Mapping[], wanted: Mapping, range: Range): void {
  const last = list.at(-1);
  const grows = last !== undefined && last.start >= wanted.start && last.end === range.start;
  if (grows) list[list.length - 1] = { ...last, end: range.end };
  else list.push({ ...wanted, ...range, offset: wanted.offset + (range.start - wanted.start) });
}

/** Neighbours to which the same happens become one. */
function merged(list: readonly Change[]): Change[] {
  const result: Change[] = [];
  const latest = new Map<string, number>();
  for (const change of list) {
    const key = keyOf(change);
    const at = latest.get(key) ?? -1;
    const before = result[at];
    if (before?.end === change.start) result[at] = { ...before, end: change.end };
    else latest.set(key, result.push(change) - 1);
  }
  return result;
}

function keyOf(change: Change): string {
  if (change.what === 'protect') return `protect ${change.protection}`;
  return change.what === 'advise' ? `advise ${change.advice}` : `name ${change.name}`;
}

function byStart(list: readonly Mapping[]): readonly Mapping[] {
  return [...list].sort((a, b) => a.start - b.start);
}

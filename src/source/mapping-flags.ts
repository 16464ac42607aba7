// What smaps alone shows of a mapping. It is read when a mapping is first seen: smaps costs 11 ms a GiB, maps 30 us.
import type { Mapping } from '../images/memory.ts';
import type { Vma } from '../kernel/proc/maps.ts';
import { readSmaps } from '../kernel/proc/smaps.ts';

/** VmFlags of smaps → MADV_*; proc_pid_smaps(5), madvise(2). */
const advices: readonly (readonly [flag: string, advice: number])[] = [
  ['rr', 1],
  ['sr', 2],
  ['dc', 10],
  ['mg', 12],
  ['hg', 14],
  ['nh', 15],
  ['dd', 16],
  ['wf', 18],
];

/** Flags of a mapping that only smaps shows. */
export type MappingFlags = Pick<
  Mapping,
  'growsDown' | 'noReserve' | 'locked' | 'lockOnFault' | 'advice' | 'writable'
>;

export class SeenFlags {
  readonly #seen = new Map<number, Map<string, MappingFlags>>();

  /** Of each mapping of a process. One that smaps does not know has gone: none. */
  of(pid: number, vmas: readonly Vma[]): (vma: Vma) => MappingFlags {
    const known = this.#seen.get(pid) ?? new Map<string, MappingFlags>();
    this.#seen.set(pid, known);
    const unknown = vmas.filter((vma) => !known.has(keyOf(vma)));
    if (unknown.length > 0)
      for (const entry of readSmaps(pid) ?? []) known.set(keyOf(entry), flagsOf(entry.vmFlags));
    return (vma) => known.get(keyOf(vma)) ?? noFlags;
  }
}

export const noFlags: MappingFlags = {
  growsDown: false,
  noReserve: false,
  locked: false,
  lockOnFault: false,
  advice: [],
  writable: false,
};

function flagsOf(vmFlags: readonly string[]): MappingFlags {
  const has = (flag: string): boolean => vmFlags.includes(flag);
  return {
    growsDown: has('gd'),
    noReserve: has('nr'),
    locked: has('lo'),
    lockOnFault: has('lf'),
    advice: advices.filter(([flag]) => has(flag)).map(([, advice]) => advice),
    writable: has('mw'),
  };
}

/** What must be equal for the flags of smaps to be those seen before. A heap or stack that grew keeps its start or end. */
function keyOf(vma: Vma): string {
  const place =
    vma.special === 'stack' ? `-${vma.end}` : `${vma.start}-${vma.special === 'heap' ? '' : vma.end}`;
  return `${place} ${vma.read ? 'r' : ''}${vma.write ? 'w' : ''}${vma.exec ? 'x' : ''}${vma.shared ? 's' : ''} ${vma.inode}`;
}

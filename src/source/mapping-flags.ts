// What smaps alone shows of a mapping. It is read when a mapping is first seen: smaps costs 11 ms a GiB, maps 30 us.
import type { Mapping } from '../images/memory.ts';
import type { Vma } from '../kernel/proc/maps.ts';
import { readSmaps, type SmapsEntry } from '../kernel/proc/smaps.ts';
import { mayHaveKey } from './state/protection-keys.ts';

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
  readonly #withKeys = new Set<number>();

  /** Whether a mapping of a process was seen that had a protection key, or may be given one by the kernel. */
  hasKeys(pid: number): boolean {
    return this.#withKeys.has(pid);
  }

  /** Whether smaps has shown this very mapping. */
  knows(pid: number, vma: Vma): boolean {
    return this.#seen.get(pid)?.has(keyOf(vma)) === true;
  }

  /** Of each mapping of a process. One that was split or grew since it was read has those of a part of it; one that has gone: none. */
  of(pid: number, vmas: readonly Vma[]): (vma: Vma) => MappingFlags {
    const known = this.#seen.get(pid) ?? new Map<string, MappingFlags>();
    this.#seen.set(pid, known);
    const unknown = vmas.filter((vma) => !known.has(keyOf(vma)));
    const entries = unknown.length > 0 ? (readSmaps(pid) ?? []) : [];
    for (const entry of entries) known.set(keyOf(entry), flagsOf(entry.vmFlags));
    if (entries.some(mayHaveKey)) this.#withKeys.add(pid);
    return (vma) => {
      const part = (): SmapsEntry | undefined =>
        entries.find(({ start, end, inode }) => start <= vma.start && vma.start < end && inode === vma.inode);
      const found = known.get(keyOf(vma)) ?? part();
      return found === undefined ? noFlags : 'vmFlags' in found ? flagsOf(found.vmFlags) : found;
    };
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

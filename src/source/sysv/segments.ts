// System V shared memory: what the kernel knows of the segments that the tree has attached. Their content travels as that of
// other shared objects (pages/shared-objects.ts); /proc/PID/maps tells their IDs as inode numbers.
import { GodwitError } from '../../errors.ts';
import type { SegmentImage } from '../../images/sysv.ts';
import type { SharedObject } from '../../images/memory.ts';
import type { Blocker } from '../../images/requirements.ts';
import type { Keeper } from '../../kernel/keeper.ts';
import type { Vma } from '../../kernel/proc/maps.ts';
import { readSysv, type SysvRow } from '../../kernel/proc/sysvipc.ts';
import { objectKind } from '../pages/shared-objects.ts';
import type { SourceProcess } from '../tree.ts';

export interface FoundSegment {
  readonly segment: SegmentImage;
  /** Bytes, as asked for; the memory is whole pages. */
  readonly size: number;
  readonly attached: number;
}

/** Segments that processes of the tree have made, or used last, and nobody has attached just now. */
export function unattachedSegments(processes: readonly TreeProcess[]): FoundSegment[] {
  const table = new SegmentTable(vpidsOf(processes));
  return table.all.filter(({ segment, attached }) => {
    return attached === 0 && (segment.creator !== 0 || segment.last !== 0);
  });
}

/** By the agent's PIDs; 0 for what is no process of the tree. */
export function vpidsOf(processes: readonly TreeProcess[]): (pid: number) => number {
  const vpids = new Map(processes.map(({ pid, vpid }) => [pid, vpid]));
  return (pid) => vpids.get(pid) ?? 0;
}

type TreeProcess = Pick<SourceProcess, 'pid' | 'vpid'>;

/** As an object of the tree's picture. `hugePage`: bytes of the pages that it is made of, which the kernel's table does not show. */
export function segmentObject({ segment, size }: FoundSegment, hugePage?: number): Omit<SharedObject, 'id'> {
  const pages = hugePage === undefined ? {} : { hugePage };
  return { kind: 'sysv', size, name: '', seals: 0, sysv: segment, ...pages };
}

/** As objectKey of its mappings. */
export function segmentKey({ segment }: FoundSegment): string {
  return `sysv:${segment.id}`;
}

/** A table of all segments, read once and only when somebody asks. */
export class SegmentTable {
  readonly #vpidOf: (pid: number) => number;
  #rows: ReadonlyMap<number, SysvRow> | undefined;

  /** `vpidOf`: 0 for a PID outside of the tree. */
  constructor(vpidOf: (pid: number) => number) {
    this.#vpidOf = vpidOf;
  }

  has(id: number): boolean {
    return this.#table.has(id);
  }

  /** @throws GodwitError NO_PROCESS when it is gone by now, and so is what had it attached */
  of(id: number): FoundSegment {
    const row = this.#table.get(id);
    if (row === undefined) throw new GodwitError('NO_PROCESS', `System V segment ${id} is gone`);
    return this.#found(row);
  }

  get all(): FoundSegment[] {
    return [...this.#table.values()].map((row) => this.#found(row));
  }

  #found(row: SysvRow): FoundSegment {
    const { id, key, uid, gid, cuid, cgid, mode, columns } = row;
    const [creator, last] = [this.#vpidOf(columns['cpid'] ?? 0), this.#vpidOf(columns['lpid'] ?? 0)];
    return {
      segment: { id, key, uid, gid, cuid, cgid, mode, creator, last },
      size: columns['size'] ?? 0,
      attached: columns['nattch'] ?? 0,
    };
  }

  get #table(): ReadonlyMap<number, SysvRow> {
    return (this.#rows ??= new Map(readSysv('shm').map((row) => [row.id, row])));
  }
}

/** Segments that others have attached too: each mapping of the tree counts once in nattch (shm_open, shm_close in ipc/shm.c). */
export function surveySegments(spaces: Iterable<readonly Vma[]>): Blocker[] {
  const counts = new Map<number, number>();
  for (const vmas of spaces)
    for (const vma of vmas)
      if (objectKind(vma) === 'sysv') counts.set(vma.inode, (counts.get(vma.inode) ?? 0) + 1);
  if (counts.size === 0) return [];
  return readSysv('shm').flatMap(({ id, key, columns }) => {
    const count = counts.get(id);
    if (count === undefined || (columns['nattch'] ?? 0) <= count) return [];
    return [
      {
        side: 'source' as const,
        object: nameOfSegment(id, key),
        reason: 'a process outside the tree has attached this System V shared memory too',
        remedy: 'move all processes that use it, as one tree, or end the others (ipcs -p, lsof)',
      },
    ];
  });
}

export function nameOfSegment(id: number, key: number): string {
  return `System V segment ${id} (key 0x${(key >>> 0).toString(16).padStart(8, '0')})`;
}

/** In the freeze nobody of the tree attaches any more. @throws GodwitError REFUSED */
export function refuseOutsideAttachments(spaces: Iterable<readonly Vma[]>): void {
  const [found] = surveySegments(spaces);
  if (found !== undefined)
    throw new GodwitError('REFUSED', `${found.object}: ${found.reason}`, { hint: found.remedy });
}

/** Once the tree runs elsewhere its segments stay behind here, where they are in the way of its coming back. */
export function removeSegmentsAtEnd(
  objects: readonly SharedObject[],
  keeper: Pick<Keeper, 'removeAtEnd'>,
): void {
  for (const { sysv } of objects)
    if (sysv !== undefined) keeper.removeAtEnd({ kind: 'shm', id: sysv.id, key: sysv.key });
}

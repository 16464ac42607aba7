// Memory that no tracker sees: it belongs to an inode (shared anonymous memory, a memfd, SysV), and whoever maps or writes it
// leaves no trace in the others. It is read by file, only where there is data, and compared by hash with what was sent;
// in the freeze once more. Reading such memory through a mapping would allocate it.
import { closeSync, constants, fstatSync, openSync, readlinkSync, statSync, type BigIntStats } from 'node:fs';
import { GodwitError } from '../../errors.ts';
import { isAnonymousHuge } from '../../kernel/huge-pages.ts';
import { linkOfMapping } from '../../kernel/mapped-file.ts';
import { errnoName } from '../../kernel/program.ts';
import { deviceParts } from '../../kernel/device-number.ts';
import type { Vma } from '../../kernel/proc/maps.ts';
import { native } from '../../native.ts';
import { pageReadField } from '../../native-pages.ts';
import { pageSize } from '../../units.ts';
import { newCounters } from './page-sink.ts';
import type { PageCounters, PageSink, PageSinkBlock } from './page-sink.ts';
import { ZeroRuns } from './page-sender.ts';

export interface FoundObject {
  /** Of objectKey: the same object has the same key in every process. */
  readonly key: string;
  readonly kind: 'anonymous' | 'memfd' | 'sysv';
  /** memfd: its name. */
  readonly name: string;
  /** Where one of the processes maps it: opens the object without a descriptor (CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN). */
  readonly mapFile: string;
}

/** Objects that the mappings refer to, private mappings of memfds included: their clean pages come from the object. */
export function findSharedObjects(
  spaces: Iterable<{ readonly pid: number; readonly vmas: readonly Vma[] }>,
): FoundObject[] {
  const found = new Map<string, FoundObject>();
  for (const { pid, vmas } of spaces) {
    for (const vma of vmas) {
      const kind = objectKind(vma);
      if (kind === undefined) continue;
      const key = objectKey(vma);
      if (found.has(key)) continue;
      const name = kind === 'memfd' ? vma.path.slice('/memfd:'.length) : '';
      found.set(key, { key, kind, name, mapFile: linkOfMapping(pid, vma) });
    }
  }
  return [...found.values()];
}

/** "major:minor:inode", or "sysv:ID": a segment's inode number is its ID, which a memfd of the same device may have too. */
export function objectKey(vma: Pick<Vma, 'devMajor' | 'devMinor' | 'inode' | 'path'>): string {
  if (sysvName.test(vma.path)) return `sysv:${vma.inode}`;
  return `${vma.devMajor}:${vma.devMinor}:${vma.inode}`;
}

/** The same as stat(2) has it, which on overlays may be other numbers than those of maps. */
export function keyOfStat({ dev, ino }: Pick<BigIntStats, 'dev' | 'ino'>, path = ''): string {
  const { major, minor } = deviceParts(dev);
  return objectKey({ devMajor: major, devMinor: minor, inode: Number(ino), path });
}

/** As the kernel calls a segment by its key: of a file system without names. */
const sysvName = /^\/SYSV[0-9a-f]{8}( \(deleted\))?$/;

/** undefined: no shared object (a file on disk, or private memory). */
export function objectKind(vma: Vma): FoundObject['kind'] | undefined {
  if (vma.deleted && vma.shared && sysvName.test(vma.path)) return 'sysv'; // the first one has ID 0
  if (vma.inode === 0) return undefined;
  if (vma.path.startsWith('/memfd:')) return 'memfd';
  if (!vma.deleted || !vma.shared) return undefined;
  if (isAnonymousHuge(vma)) return 'anonymous';
  // prctl(PR_SET_VMA_ANON_NAME) renames it in maps; a deleted /dev/zero is shared anonymous memory, never the device.
  return vma.path === '/dev/zero' ? 'anonymous' : undefined;
}

/** False: surely not. The process runs, so that it may be another answer a moment later. */
function leadsTo(path: string, key: string): boolean {
  try {
    return keyOfStat(statSync(path, { bigint: true }), readlinkSync(path)) === key;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code !== 'ENOENT' && code !== 'ESRCH';
  }
}

const blockPages = 256;
const blockLength = blockPages * pageSize;
const enxio = 'ENXIO';

/** One object's content as the target knows it. */
export class SharedObjectReader {
  readonly id: number;
  readonly #fd: number;
  /** By number of 1 MiB block: the hash of each page as last sent, 0 for never. */
  readonly #blocks = new Map<number, BigUint64Array>();

  private constructor(id: number, fd: number) {
    this.id = id;
    this.#fd = fd;
  }

  /**
   * `path` is a map_files entry or /proc/PID/fd/N. undefined: it is gone, or leads to another object by now (the process runs:
   * what was mapped there may have been replaced since maps was read). @throws GodwitError NO_RIGHTS
   */
  static open(id: number, path: string, key: string): SharedObjectReader | undefined {
    if (!leadsTo(path, key)) return undefined;
    let fd: number;
    try {
      // Whatever it may be by now: no waiting for the other end of a pipe, no terminal of our own.
      fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    } catch (cause) {
      if (!leadsTo(path, key)) return undefined;
      throw new GodwitError('NO_RIGHTS', `shared memory cannot be opened through ${path}`, {
        cause,
        hint: 'CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE is needed',
      });
    }
    const found = keyOfStat(fstatSync(fd, { bigint: true }), readlinkSync(`/proc/self/fd/${fd}`));
    if (found === key) return new SharedObjectReader(id, fd);
    closeSync(fd);
    return undefined;
  }

  /** Bytes. */
  get size(): number {
    return fstatSync(this.#fd).size;
  }

  /** The target has cut its copy to this size, or made it as long: what was sent behind it is gone. */
  truncated(size: number): void {
    for (const [number, hashes] of this.#blocks) {
      const kept = Math.floor((size - number * blockLength) / pageSize); // pages that are whole
      if (kept <= 0) this.#blocks.delete(number);
      else if (kept < blockPages) hashes.fill(0n, kept);
    }
  }

  /** Sends what differs from what was sent before. In the freeze this is exact. */
  async send<Block extends PageSinkBlock>(round: number, sink: PageSink<Block>): Promise<PageCounters> {
    const counters = newCounters();
    const about = { round, space: this.id, kind: 'object' } as const;
    const zeroRuns = new ZeroRuns(about, sink);
    const result = new Float64Array(5);
    for (const at of this.#blocksToRead()) {
      const block = await sink.acquire();
      const payload = block.payload.subarray(0, blockLength);
      const kept = new Float64Array(2 * blockPages);
      const zero = new Float64Array(2 * blockPages);
      const error = native.readChanged(this.#fd, at, this.#hashes(at), payload, kept, zero, result);
      const runCount = error < 0 ? 0 : (result[pageReadField.keptRuns] ?? 0);
      if (runCount > 0) sink.send(block, { ...about, runs: kept, runCount });
      else sink.release(block);
      if (error < 0) throw new GodwitError('SYSCALL', `shared memory cannot be read: ${errnoName(error)}`);
      zeroRuns.add(zero, result[pageReadField.zeroRuns] ?? 0);
      const length = result[pageReadField.payload] ?? 0;
      const zeroPages = result[pageReadField.zeroPages] ?? 0;
      counters.pages += length / pageSize + zeroPages;
      counters.bytes += length;
      counters.zeroPages += zeroPages;
    }
    zeroRuns.flush();
    return counters;
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Offsets of blocks with data, and of those that had some: they may have become holes. Ascending. */
  #blocksToRead(): number[] {
    const numbers = new Set<number>();
    const end = this.size;
    for (const number of this.#blocks.keys()) if (number * blockLength < end) numbers.add(number);
    const range = new Float64Array(2);
    for (let at = 0; at < end; at = range[1] ?? end) {
      const error = native.seekData(this.#fd, at, range);
      if (error < 0 && errnoName(error) === enxio) break;
      if (error < 0) throw new GodwitError('SYSCALL', `shared memory cannot be read: ${errnoName(error)}`);
      const last = Math.ceil((range[1] ?? 0) / blockLength);
      for (let number = Math.floor((range[0] ?? 0) / blockLength); number < last; number++)
        numbers.add(number);
    }
    return [...numbers].sort((a, b) => a - b).map((number) => number * blockLength);
  }

  #hashes(at: number): BigUint64Array {
    const number = at / blockLength;
    let hashes = this.#blocks.get(number);
    if (hashes === undefined) {
      hashes = new BigUint64Array(blockPages);
      this.#blocks.set(number, hashes);
    }
    return hashes;
  }
}

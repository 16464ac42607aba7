// How the tree's address spaces look: /proc/PID/maps as an image, with the flags of smaps (mapping-flags.ts).
import type { AddressSpace, Mapping, SharedObject } from '../images/memory.ts';
import type { TreeLayout } from '../images/layout.ts';
import { GodwitError } from '../errors.ts';
import { hugePageOf, isAnonymousHuge } from '../kernel/huge-pages.ts';
import type { Vma } from '../kernel/proc/maps.ts';
import { controllingTerminals } from './controlling-terminals.ts';
import { DeletedFiles, isDeletedFile } from './deleted-files.ts';
import type { FileIdentities } from './file-identities.ts';
import { KnownMappings, type MadeMapping } from './known-mappings.ts';
import { noFlags, SeenFlags, type MappingFlags } from './mapping-flags.ts';
import { aioEvents } from './aio-ring.ts';
import { objectKey, objectKind } from './pages/shared-objects.ts';
import { processLayout } from './process-layout.ts';
import { SeenMaps, type Range } from './seen-maps.ts';
import { sharesWithParent } from './sharing.ts';
import { SegmentTable, segmentObject, vpidsOf } from './sysv/segments.ts';
import type { SourceProcess } from './tree.ts';
import { isZeroDevice } from './zero-device.ts';

const protRead = 1;
const protWrite = 2;
const protExec = 4;

export class Layouts {
  readonly #identities: FileIdentities;
  readonly seen = new SeenFlags();
  readonly #objects = new Map<string, SharedObject>();
  readonly #deleted = new DeletedFiles();
  readonly #maps = new SeenMaps();
  readonly #known = new KnownMappings();
  #objectCount = 0;
  /** Ranges of our own in each process: scratch memory. */
  readonly ours = new Map<number, Range>();

  constructor(identities: FileIdentities) {
    this.#identities = identities;
  }

  /** The shared objects met so far, by "dev:inode". */
  get objects(): ReadonlyMap<string, SharedObject> {
    return this.#objects;
  }

  /** Where the agent can open the files without a name that the last reading has met, by key. */
  get namelessLinks(): ReadonlyMap<string, string> {
    return this.#deleted.links;
  }

  /** VMAs that belong to the tree; the same list as long as nothing changes. @throws GodwitError NO_PROCESS */
  vmas({ pid }: SourceProcess): readonly Vma[] {
    return this.#maps.read(pid, this.ours.get(pid));
  }

  /** The process is gone, or has executed another program. */
  forget(pid: number): void {
    this.ours.delete(pid);
    this.#maps.forget(pid);
    this.#known.forget(pid);
  }

  /**
   * The layout of the whole tree. `inheriting`: PIDs whose shells are cloned from their parents' with content; `memoryOf`: whose memory
   * those have that have none of their own.
   */
  read(
    root: SourceProcess,
    processes: readonly SourceProcess[],
    vmasOf: ReadonlyMap<number, readonly Vma[]>,
    inheriting: ReadonlySet<number>,
    memoryOf: ReadonlyMap<SourceProcess, SourceProcess> = new Map(),
  ): TreeLayout {
    const shown = new Set(processes);
    const segments = new SegmentTable(vpidsOf(processes));
    const terminals = controllingTerminals(processes);
    const spaces: AddressSpace[] = [];
    this.#deleted.lookAgain();
    for (const process of processes) {
      if (process.zombie !== undefined || memoryOf.has(process)) continue;
      const vmas = vmasOf.get(process.pid) ?? [];
      spaces.push({ id: process.vpid, mappings: this.#mappings(process, vmas, segments) });
    }
    this.#forgetSegments(segments);
    return {
      root: root.vpid,
      processes: processes.map((process) => ({
        ...processLayout(process, shown, inheriting.has(process.pid), terminals.get(process.pid)),
        ...(memoryOf.has(process) && {
          sharesMemory: true,
          sharesHandlers: sharesWithParent('handlers', process),
        }),
      })),
      spaces,
      files: this.#identities.list,
      objects: [...this.#objects.values()],
    };
  }

  #mappings(process: SourceProcess, vmas: readonly Vma[], segments: SegmentTable): Mapping[] {
    const { pid } = process;
    let flagsOf: ((vma: Vma) => MappingFlags) | undefined;
    return this.#known.of(pid, vmas, (vma): MadeMapping => {
      flagsOf ??= this.seen.of(pid, vmas);
      try {
        const mapping = this.#mapping(process, vma, flagsOf(vma), segments);
        return { mapping, isLasting: this.seen.knows(pid, vma) && isLasting(vma) };
      } catch (error) {
        if (!(error instanceof GodwitError && error.code === 'NO_PROCESS')) throw error;
        // Unmapped since maps was read. Pages of it may be on their way, so it keeps its place until the next look.
        return { mapping: placeholder(vma), isLasting: false };
      }
    });
  }

  #mapping(process: SourceProcess, vma: Vma, flags: MappingFlags, segments: SegmentTable): Mapping {
    const protection = protectionOf(vma);
    // The flags were read a moment after the protection, perhaps of what was mapped there by then: what is written may be written.
    const writable = flags.writable || vma.write;
    const { start, end, shared } = vma;
    const hugePage = hugePageOf(vma);
    const pages = hugePage === undefined ? {} : { hugePage };
    const common = { start, end, protection, shared, offset: 0, ...flags, writable, ...pages };
    const { special } = vma;
    if (special === 'vdso' || special === 'vvar' || special === 'vvar_vclock')
      return { ...common, kind: special };
    if (vma.path === '/[aio]') return { ...common, kind: 'aio', events: aioEvents(process.pid, vma) };
    if (objectKind(vma) !== undefined) {
      return {
        ...common,
        kind: 'object',
        source: this.#object(process.pid, vma, segments).id,
        offset: vma.offset,
      };
    }
    if (isAnonymousHuge(vma)) return { ...common, kind: 'anonymous' };
    if (isZeroDevice(process.pid, vma)) return { ...common, kind: 'zero', offset: vma.offset };
    if (vma.inode !== 0) {
      const deleted = isDeletedFile(vma) ? this.#deleted.of(process.pid, vma) : undefined;
      if (deleted?.kind === 'nameless') {
        const { id } = this.addObject(deleted.key, deleted.object);
        return { ...common, kind: 'object', source: id, offset: vma.offset };
      }
      const named = deleted === undefined ? vma : { ...vma, path: deleted.path };
      const source = this.#identities.ofMapping(process.pid, named, shared && writable);
      return { ...common, kind: 'file', source, offset: vma.offset };
    }
    const name = vma.special === 'anon-name' ? /^\[anon:(.*)\]$/.exec(vma.path)?.[1] : undefined;
    return { ...common, kind: 'anonymous', ...(name === undefined ? {} : { name }) };
  }

  #object(pid: number, vma: Vma, segments: SegmentTable): SharedObject {
    const key = objectKey(vma);
    const hugePage = hugePageOf(vma);
    if (objectKind(vma) === 'sysv') return this.#segment(key, vma.inode, segments, hugePage);
    const size = this.#identities.sizeOfMapped(pid, vma);
    const known = this.#objects.get(key);
    const isMemfd = vma.path.startsWith('/memfd:');
    const object: SharedObject = {
      id: known?.id ?? this.#objectCount++,
      kind: isMemfd ? 'memfd' : 'anonymous',
      size,
      name: isMemfd ? vma.path.slice('/memfd:'.length) : '',
      seals: known?.seals ?? 0,
      ...(hugePage === undefined ? {} : { hugePage }),
    };
    this.#objects.set(key, object);
    return object;
  }

  #segment(key: string, id: number, segments: SegmentTable, hugePage?: number): SharedObject {
    return this.addObject(key, segmentObject(segments.of(id), hugePage));
  }

  /** Programs remove segments; one that nobody has attached just now stays in the picture. */
  #forgetSegments(segments: SegmentTable): void {
    for (const [key, { sysv, hugePage }] of this.#objects) {
      if (sysv === undefined) continue;
      if (segments.has(sysv.id)) this.#segment(key, sysv.id, segments, hugePage);
      else this.#objects.delete(key);
    }
  }

  /** Registers an object that mappings do not show as such (an unmapped memfd, a file without a name), or what a descriptor adds to one. */
  addObject(key: string, object: Omit<SharedObject, 'id'>): SharedObject {
    const entry = { ...object, id: this.#objects.get(key)?.id ?? this.#objectCount++ };
    this.#objects.set(key, entry);
    return entry;
  }
}

/** An object may grow, a deleted file get another name. */
function isLasting(vma: Vma): boolean {
  return objectKind(vma) === undefined && !isDeletedFile(vma) && vma.path !== '/[aio]';
}

/** PROT_* bits. */
export function protectionOf(vma: Vma): number {
  return (vma.read ? protRead : 0) | (vma.write ? protWrite : 0) | (vma.exec ? protExec : 0);
}

const placeholders = new WeakSet<Mapping>();

function placeholder({ start, end }: Vma): Mapping {
  const protection = protRead | protWrite;
  const mapping: Mapping = {
    kind: 'anonymous',
    start,
    end,
    protection,
    shared: false,
    offset: 0,
    ...noFlags,
  };
  placeholders.add(mapping);
  return mapping;
}

/** Preconditions: the tree is frozen, so that nothing is unmapped any more. @throws GodwitError REFUSED */
export function refusePlaceholders({ spaces }: Pick<TreeLayout, 'spaces'>): void {
  for (const { id, mappings } of spaces) {
    const unread = mappings.find(isPlaceholder);
    if (unread === undefined) continue;
    const place = `${unread.start.toString(16)}-${unread.end.toString(16)}`;
    throw new GodwitError('REFUSED', `what process ${id} has mapped at ${place} cannot be looked at`, {
      hint: 'try again',
    });
  }
}

/** Whether it only keeps a place for what could not be looked at any more. */
export function isPlaceholder(mapping: Mapping): boolean {
  return placeholders.has(mapping);
}

// Memory that processes of the tree share and no file system names (System V segments too), and files without a name. The agent creates each object once and keeps a
// descriptor: shells map it, page frames are written through it, descriptors of memfds are made from it.
import { closeSync, constants, openSync } from 'node:fs';
import { GodwitError } from '../errors.ts';
import type { SharedObject } from '../images/memory.ts';
import { hugeSizeFlag } from '../kernel/huge-pages.ts';
import { openMapped } from '../kernel/open-mapped.ts';
import { openSegment } from '../kernel/open-segment.ts';
import { runLocal } from '../kernel/local-program.ts';
import { errnoName, Program } from '../kernel/program.ts';
import { pageSize } from '../units.ts';
import { HugeMemory } from './huge-memory.ts';
import { createNameless } from './nameless-files.ts';
import { createSegment, finishSegment, removeSegment } from './sysv/segments.ts';
import type { SysvUndo } from './sysv/make.ts';
import type { Shell } from './shell.ts';
import type { TreeRoot } from './tree-root.ts';

const protectionReadWrite = 3;
const mapSharedAnonymous = 0x21;
const memfdAllowSealing = 2;
const memfdCloexec = 1;
const memfdHugetlb = 4;
const mapHugetlb = 0x4_0000;
/** Linux 6.3. */
const memfdNoexecSeal = 8;
const memfdExec = 0x10;
/** F_ADD_SEALS, fcntl.h. */
const addSeals = 1033;
/** F_SEAL_SEAL: set on every memfd that was created without MFD_ALLOW_SEALING. */
const sealSeal = 1;
const sealWrite = 8;
const sealExec = 0x20;

interface Entry {
  fd: number;
  /** nameless: one that cannot write. */
  readFd?: number;
  object: SharedObject;
  memory?: HugeMemory | undefined;
  /** A segment's number on the undo list, until it is removed. */
  undo: number | undefined;
}

/** By the PID that the tree knows; undefined: no process of the tree. */
type ShellOf = (vpid: number) => Shell | undefined;

export class SharedObjects {
  readonly #entries = new Map<number, Entry>();
  readonly #undo: SysvUndo | undefined;
  readonly #root: () => TreeRoot;

  /** `undo`: only who has one can make System V segments. `root`: asked when a shell is there. */
  constructor(undo?: SysvUndo, root: () => TreeRoot = () => undefined) {
    this.#undo = undo;
    this.#root = root;
  }

  /** Segments that the tree has removed since the last update: whoever has them attached keeps their IDs from being used again. */
  removed(objects: readonly SharedObject[]): ReadonlySet<number> {
    const wanted = new Set(objects.map(({ id }) => id));
    const gone = [...this.#entries].filter(([id, { undo }]) => undo !== undefined && !wanted.has(id));
    return new Set(gone.map(([id]) => id));
  }

  /** Creates what is new, grows what has grown, and removes segments. Preconditions: nobody has attached what is `removed`. */
  update(objects: readonly SharedObject[], shellOf: ShellOf): void {
    for (const id of this.removed(objects)) this.#removeSegment(id);
    for (const object of objects) {
      const known = this.#entries.get(object.id);
      if (known === undefined) this.#entries.set(object.id, this.#create(object, shellOf));
      else {
        if (known.object.size !== object.size) {
          forgetMemory(known);
          truncate(known.fd, object);
        }
        known.object = object;
      }
    }
  }

  /** The segment of an object that is one. */
  segment(id: number): SharedObject['sysv'] {
    return this.#entries.get(id)?.object.sysv;
  }

  /** Bytes, and those of its huge pages. */
  shape(id: number): Pick<SharedObject, 'size' | 'hugePage'> {
    return this.#entries.get(id)?.object ?? { size: 0 };
  }

  /** Where the agent has mapped an object that no descriptor can write to. */
  memory(id: number): number | undefined {
    const entry = this.#entry(id);
    const { size, hugePage } = entry.object;
    if (hugePage === undefined || size === 0) return undefined;
    return (entry.memory ??= new HugeMemory(entry.fd, Math.ceil(size / hugePage) * hugePage)).address;
  }

  /** The agent's descriptor of an object. */
  fd(id: number): number {
    return this.#entry(id).fd;
  }

  #entry(id: number): Entry {
    const entry = this.#entries.get(id);
    if (entry === undefined)
      throw new GodwitError('PROTOCOL', `the source named shared object ${id}, which it never described`);
    return entry;
  }

  /**
   * What shells map it by. A mapping keeps a descriptor that can write for as long as it lives, and a file that anybody may write to
   * can be no executable (ETXTBSY).
   */
  mappingFd(id: number, writes: boolean): number {
    const entry = this.#entry(id);
    return entry.object.kind === 'nameless' && !writes ? readFdOf(entry) : entry.fd;
  }

  /** The descriptor of an executable. Preconditions: all pages are written; from here on the agent cannot write to it either. */
  executable(id: number): number {
    const entry = this.#entry(id);
    if (entry.object.kind !== 'nameless') return entry.fd;
    const readFd = readFdOf(entry);
    if (entry.fd !== readFd) {
      cutTail(entry);
      closeSync(entry.fd);
      entry.fd = readFd;
    }
    return readFd;
  }

  /** Pages reach past an end inside of a page; then seals, which forbid writing. Preconditions: all pages are written. */
  finish(shellOf: ShellOf): void {
    for (const entry of this.#entries.values()) {
      const { fd, object } = entry;
      forgetMemory(entry);
      if (fd !== entry.readFd) cutTail(entry);
      // Without an undo it is one that the tree has removed.
      if (object.sysv !== undefined && entry.undo !== undefined)
        finishSegment(object.sysv, shellOf(object.sysv.last));
      if (object.kind !== 'memfd' || object.seals === sealSeal || object.seals === 0) continue;
      const program = new Program();
      program.call('fcntl', fd, addSeals, object.seals);
      runLocal(program, `memfd:${object.name}`);
    }
  }

  close(): void {
    for (const entry of this.#entries.values()) {
      const { fd, readFd } = entry;
      forgetMemory(entry);
      closeSync(fd);
      if (readFd !== undefined && readFd !== fd) closeSync(readFd);
    }
    this.#entries.clear();
  }

  #create(object: SharedObject, shellOf: ShellOf): Entry {
    const { sysv } = object;
    if (object.kind !== 'sysv' || sysv === undefined)
      return { fd: this.#open(object), object, undo: undefined };
    if (this.#undo === undefined) throw new GodwitError('INTERNAL', 'a segment without a way back');
    const undo = createSegment(sysv, object, shellOf(sysv.creator), this.#undo);
    return { fd: openSegment(sysv.id, true), object, undo };
  }

  #open(object: SharedObject): number {
    if (object.kind === 'nameless') return createNameless(object, this.#root());
    return object.kind === 'memfd' ? createMemfd(object) : createAnonymous(object);
  }

  /** Its descriptor stays: pages of it may be on their way. */
  #removeSegment(id: number): void {
    const entry = this.#entries.get(id);
    if (entry?.object.sysv === undefined || entry.undo === undefined) return;
    removeSegment(entry.object.sysv.id);
    this.#undo?.drop(entry.undo);
    entry.undo = undefined;
  }
}

function forgetMemory(entry: Entry): void {
  entry.memory?.[Symbol.dispose]();
  entry.memory = undefined;
}

function readFdOf(entry: Entry): number {
  return (entry.readFd ??= openSync(`/proc/self/fd/${entry.fd}`, constants.O_RDONLY));
}

function cutTail({ fd, object }: Entry): void {
  // A segment of huge pages has an end inside of one only by its table.
  if (object.kind === 'anonymous' || object.hugePage !== undefined) return;
  if (object.size % pageSize !== 0) truncate(fd, object);
}

function createMemfd(object: SharedObject): number {
  const sealing = object.seals === sealSeal ? 0 : memfdAllowSealing;
  // F_SEAL_EXEC on what is executable seals it against writing too: what has that seal alone was born with it, not executable. Else
  // permissions come first, then seals; left out, vm.memfd_noexec would choose.
  const bornSealed = (object.seals & (sealExec | sealWrite)) === sealExec;
  const execution = bornSealed ? memfdNoexecSeal : memfdExec;
  const pages = object.hugePage === undefined ? 0 : memfdHugetlb | hugeSizeFlag(object.hugePage);
  const create = (flags: number): number => {
    const program = new Program();
    const fd = program.attempt('memfd_create', program.cstring(object.name), memfdCloexec | pages | flags);
    return runLocal(program).number(fd);
  };
  const modern = create(sealing | execution);
  // Before Linux 6.3, and where vm.memfd_noexec is 2: then it cannot be made executable.
  const fd = modern < 0 ? create(sealing) : modern;
  if (fd < 0) throw new GodwitError('SYSCALL', `memfd:${object.name} cannot be made: ${errnoName(fd)}`);
  truncate(fd, object);
  return fd;
}

/** MAP_SHARED|MAP_ANONYMOUS, so that /proc/PID/maps calls it as before; map_files gives its descriptor. */
function createAnonymous(object: SharedObject): number {
  const { hugePage, size } = object;
  const length = Math.ceil(size / pageSize) * pageSize;
  const flags = mapSharedAnonymous | (hugePage === undefined ? 0 : mapHugetlb | hugeSizeFlag(hugePage));
  const mapping = new Program();
  const at = mapping.call('mmap', 0, length, protectionReadWrite, flags, -1, 0);
  const address = runLocal(mapping, `shared memory of ${length} bytes`).number(at);
  try {
    return openMapped(address, length, constants.O_RDWR);
  } finally {
    const unmapping = new Program();
    unmapping.call('munmap', address, length);
    runLocal(unmapping);
  }
}

function truncate(fd: number, object: SharedObject): void {
  const program = new Program();
  program.call('ftruncate', fd, object.size);
  runLocal(program, `shared object ${object.id}`);
}

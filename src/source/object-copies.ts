// Copies of the memory that the tree shares: one reader for each object, whoever maps it.
import { closeSync, fstatSync } from 'node:fs';
import { asGodwitError, GodwitError } from '../errors.ts';
import { hugePageOfStat } from '../kernel/huge-pages.ts';
import { openSegment } from '../kernel/open-segment.ts';
import { readSysv } from '../kernel/proc/sysvipc.ts';
import type { Vma } from '../kernel/proc/maps.ts';
import type { PageWire } from './wire.ts';
import type { Layouts } from './layout.ts';
import { forOpenObjects, type OpenObject, type ProcessRef } from './open-files.ts';
import { addCounters, newCounters, type PageCounters } from './pages/page-sink.ts';
import { findSharedObjects, SharedObjectReader } from './pages/shared-objects.ts';
import { segmentKey, segmentObject, unattachedSegments, type FoundSegment } from './sysv/segments.ts';

/** What a freeze can still read of an object that no round has met. Bytes. */
const lateLimit = 16 << 20;

export class ObjectCopies implements Disposable {
  readonly #layouts: Layouts;
  readonly #readers = new Map<string, SharedObjectReader>();
  readonly #late: SharedObjectReader[] = [];

  constructor(layouts: Layouts) {
    this.#layouts = layouts;
  }

  /** What descriptors refer to and nothing else shows. */
  refreshDescriptors(processes: readonly ProcessRef[]): void {
    forOpenObjects(processes, ({ key, object, procPath }) => {
      this.#layouts.addObject(key, object);
      this.add(key, procPath);
    });
  }

  /** Segments that are attached nowhere; what is mapped the layouts show. */
  refreshSegments(processes: readonly ProcessRef[]): void {
    for (const found of unattachedSegments(processes)) {
      const key = segmentKey(found);
      if (this.#readers.has(key)) continue;
      const fd = openUnlessGone(found);
      if (fd === undefined) continue;
      this.#layouts.addObject(key, segmentObject(found, hugePageOfStat(fstatSync(fd, { bigint: true }))));
      this.add(key, `/proc/self/fd/${fd}`);
      closeSync(fd);
    }
  }

  /** In the freeze: which objects there are is known, how long they are may have changed since. */
  refreshSizes(): void {
    for (const [key, { size }] of this.#readers) {
      const object = this.#layouts.objects.get(key);
      if (object !== undefined && object.kind !== 'sysv') this.#layouts.addObject(key, { ...object, size });
    }
  }

  /** Finds objects that are new. Preconditions: the layouts have read the same mappings. @throws GodwitError NO_RIGHTS, REFUSED */
  refresh(vmasOf: ReadonlyMap<number, readonly Vma[]>, frozen: boolean): void {
    const spaces = [...vmasOf].map(([pid, vmas]) => ({ pid, vmas }));
    for (const { key, mapFile } of findSharedObjects(spaces)) this.add(key, mapFile);
    for (const [key, link] of this.#layouts.namelessLinks) this.add(key, link);
    const missing = [...this.#layouts.namelessLinks].find(([key]) => !this.#readers.has(key));
    if (frozen && missing !== undefined)
      throw new GodwitError(
        'REFUSED',
        `the deleted file behind ${missing[1]} is another one when it is opened`,
      );
  }

  /** An object that a path leads to: /proc/PID/map_files/... or /proc/PID/fd/N. */
  add(key: string, path: string): void {
    const object = this.#layouts.objects.get(key);
    if (object === undefined || this.#readers.has(key)) return;
    const reader = SharedObjectReader.open(object.id, path, key);
    if (reader !== undefined) this.#readers.set(key, reader); // else it is found again in the next round
  }

  /**
   * In the freeze: a file that no round has met, because it was deleted or opened a moment ago. Returns its id; {@link sendLate}
   * must follow. undefined: it is too long to be read while the tree stands still.
   */
  late({ key, object, procPath }: OpenObject): number | undefined {
    const known = this.#layouts.objects.get(key);
    if (known !== undefined && this.#readers.has(key)) return known.id;
    if (object.size > lateLimit) return undefined;
    const { id } = this.#layouts.addObject(key, object);
    const reader = SharedObjectReader.open(id, procPath, key);
    if (reader === undefined) return undefined;
    this.#readers.set(key, reader);
    this.#late.push(reader);
    return id;
  }

  get hasLate(): boolean {
    return this.#late.length > 0;
  }

  /** Preconditions: the target knows the layout that names them. */
  async sendLate(round: number, sink: PageWire): Promise<PageCounters> {
    const counters = newCounters();
    for (const reader of this.#late.splice(0)) addCounters(counters, await reader.send(round, sink));
    return counters;
  }

  /** Sends what changed. In the freeze this is exact. */
  async send(round: number, sink: PageWire): Promise<PageCounters> {
    const counters = newCounters();
    for (const [key, reader] of this.#readers) {
      if (!this.#layouts.objects.has(key)) {
        reader.close(); // a segment that the program has removed
        this.#readers.delete(key);
        continue;
      }
      reader.truncated(this.#layouts.objects.get(key)?.size ?? 0);
      addCounters(counters, await reader.send(round, sink));
    }
    return counters;
  }

  [Symbol.dispose](): void {
    for (const reader of this.#readers.values()) reader.close();
    this.#readers.clear();
  }
}

/** undefined: the program has removed it meanwhile. */
function openUnlessGone({ segment }: FoundSegment): number | undefined {
  try {
    return openSegment(segment.id, false);
  } catch (error) {
    if (asGodwitError(error).code === 'REMOTE_CALL' && !readSysv('shm').some(({ id }) => id === segment.id))
      return undefined;
    throw error;
  }
}

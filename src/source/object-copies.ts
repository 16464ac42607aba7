// Copies of the memory that the tree shares: one reader for each object, whoever maps it.
import { GodwitError } from '../errors.ts';
import type { Vma } from '../kernel/proc/maps.ts';
import type { PageSender } from '../transport/page-sender.ts';
import type { Layouts } from './layout.ts';
import { openObjects, type ProcessRef } from './open-files.ts';
import { addCounters, newCounters, type PageCounters } from './pages/page-sink.ts';
import { findSharedObjects, SharedObjectReader } from './pages/shared-objects.ts';

export class ObjectCopies implements Disposable {
  readonly #layouts: Layouts;
  readonly #readers = new Map<string, SharedObjectReader>();

  constructor(layouts: Layouts) {
    this.#layouts = layouts;
  }

  /** What descriptors refer to and nothing else shows. */
  refreshDescriptors(processes: readonly ProcessRef[]): void {
    for (const { key, object, procPath } of openObjects(processes)) {
      this.#layouts.addObject(key, object);
      this.add(key, procPath);
    }
  }

  /** In the freeze: which objects there are is known, how long they are may have changed since. */
  refreshSizes(): void {
    for (const [key, { size }] of this.#readers) {
      const object = this.#layouts.objects.get(key);
      if (object !== undefined) this.#layouts.addObject(key, { ...object, size });
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

  /** Sends what changed. In the freeze this is exact. */
  async send(round: number, sink: PageSender): Promise<PageCounters> {
    const counters = newCounters();
    for (const [key, reader] of this.#readers) {
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

// Copies of the memory that the tree shares: one reader for each object, whoever maps it.
import type { Vma } from '../kernel/proc/maps.ts';
import type { PageSender } from '../transport/page-sender.ts';
import type { Layouts } from './layout.ts';
import { openMemfds, type ProcessRef } from './open-files.ts';
import { addCounters, newCounters, type PageCounters } from './pages/page-sink.ts';
import { findSharedObjects, SharedObjectReader } from './pages/shared-objects.ts';

export class ObjectCopies implements Disposable {
  readonly #layouts: Layouts;
  readonly #readers = new Map<string, SharedObjectReader>();

  constructor(layouts: Layouts) {
    this.#layouts = layouts;
  }

  /** memfds that descriptors refer to: maps show neither their seals nor those that nobody maps. */
  refreshDescriptors(processes: readonly ProcessRef[]): void {
    for (const { key, object, procPath } of openMemfds(processes)) {
      this.#layouts.addObject(key, object);
      this.add(key, procPath);
    }
  }

  /** Finds objects that are new. Preconditions: the layouts have read the same mappings. */
  refresh(vmasOf: ReadonlyMap<number, readonly Vma[]>): void {
    const spaces = [...vmasOf].map(([pid, vmas]) => ({ pid, vmas }));
    for (const { key, mapFile } of findSharedObjects(spaces)) this.add(key, mapFile);
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
    for (const reader of this.#readers.values()) addCounters(counters, await reader.send(round, sink));
    return counters;
  }

  [Symbol.dispose](): void {
    for (const reader of this.#readers.values()) reader.close();
    this.#readers.clear();
  }
}

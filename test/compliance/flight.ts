// One flight of the mutator's processes into models: rounds while they run, a freeze, and the comparison, byte for byte. The
// order of steps is that of the real source (src/source/rounds.ts).
import { closeSync, openSync, readSync } from 'node:fs';
import { GodwitError } from '../../src/errors.ts';
import { readMaps } from '../../src/kernel/proc/maps.ts';
import type { Vma } from '../../src/kernel/proc/maps.ts';
import { inheritedPages } from '../../src/source/pages/cow.ts';
import { sendRuns } from '../../src/source/pages/page-sender.ts';
import type { FoundObject } from '../../src/source/pages/shared-objects.ts';
import { findSharedObjects, SharedObjectReader } from '../../src/source/pages/shared-objects.ts';
import { TargetPages } from '../../src/source/pages/target-pages.ts';
import { noRuns, pagesIn, runsOfSet, setOf } from '../../src/kernel/page-runs.ts';
import type { PageRuns } from '../../src/kernel/page-runs.ts';
import { makeTracker } from '../../src/source/trackers/choose.ts';
import type { ChosenTracker } from '../../src/source/trackers/choose.ts';
import { CompareTracker } from '../../src/source/trackers/compare.ts';
import type { DirtyPages, Tracker } from '../../src/source/trackers/tracker.ts';
import { collapse } from './collapse.ts';
import { compareObject, compareSpace } from './compare-memory.ts';
import { ModelSink, PageModel, SpaceModel, zeroPage } from './model.ts';
import { pause, stateOf } from './mutator.ts';
import type { Mutator } from './mutator.ts';

export interface FlightFigures {
  rounds: number;
  processes: number;
  pages: number;
  stalePages: number;
  inheritedPages: number;
  comparedPages: number;
}

interface Space {
  readonly pid: number;
  readonly tracker: Tracker;
  onTarget: TargetPages;
}

export class CompliantFlight {
  readonly figures: FlightFigures = {
    rounds: 0,
    processes: 0,
    pages: 0,
    stalePages: 0,
    inheritedPages: 0,
    comparedPages: 0,
  };
  readonly #mutator: Mutator;
  readonly #chosen: ChosenTracker;
  readonly #spaces = new Map<number, Space>();
  readonly #models = new Map<number, SpaceModel>();
  readonly #objects = new Map<string, SharedObjectReader>();
  readonly #objectModels = new Map<number, PageModel>();
  /** Rounds and freezes. */
  #collections = 0;
  readonly #sink = new ModelSink(this.#models, this.#objectModels);

  constructor(mutator: Mutator, chosen: ChosenTracker) {
    this.#mutator = mutator;
    this.#chosen = chosen;
  }

  /** One round while the processes run. */
  async round(): Promise<void> {
    this.figures.rounds++;
    this.#collections++;
    for (const pid of this.#parentsFirst()) {
      try {
        await this.#copy(pid, false);
      } catch (error) {
        if (!(error instanceof GodwitError) || error.code !== 'NO_PROCESS') throw error;
        this.#forget(pid);
      }
    }
    await this.#copyObjects();
  }

  /** Stops everything, copies the last delta, and compares. Returns what is wrong, or nothing. */
  async freeze(): Promise<string[]> {
    this.#mutator.stop();
    this.#collections++;
    const pids = this.#parentsFirst();
    for (const pid of [...this.#spaces.keys()]) if (!pids.includes(pid)) this.#forget(pid);
    for (const pid of pids) await this.#copy(pid, true);
    for (const pid of pids) collapse(pid, readMaps(pid) ?? []);
    for (const pid of pids) this.#dropStale(pid);
    await this.#copyObjects();
    const problems: string[] = [];
    for (const pid of pids) problems.push(...this.#compare(pid));
    for (const { key, mapFile } of this.#findObjects()) {
      const reader = this.#objects.get(key);
      const model = reader === undefined ? undefined : this.#objectModels.get(reader.id);
      problems.push(
        ...(model === undefined ? [`object ${key} has no copy`] : compareObject(key, mapFile, model)),
      );
    }
    return problems;
  }

  close(): void {
    for (const pid of [...this.#spaces.keys()]) this.#forget(pid);
    for (const reader of this.#objects.values()) reader.close();
  }

  async #copy(pid: number, frozen: boolean): Promise<void> {
    let vmas = readMaps(pid);
    if (vmas === undefined || vmas.length === 0) throw new GodwitError('NO_PROCESS', `process ${pid} ended`);
    const known = this.#spaces.get(pid);
    let space = known ?? this.#attach(pid, vmas, frozen, new TargetPages());
    let dirty = space.tracker.collect(vmas, { frozen });
    if (!dirty.replaced) {
      await this.#send(space, vmas, dirty, known === undefined ? this.#inherit(space, dirty) : dirty);
      return;
    }
    while (dirty.replaced) {
      space.tracker.disarm();
      // The shell keeps what it had of the old program until the layout takes it away.
      const inherited = new TargetPages();
      inherited.inherit(space.onTarget, noRuns);
      vmas = readMaps(pid) ?? [];
      space = this.#attach(pid, vmas, frozen, inherited);
      dirty = space.tracker.collect(vmas, { frozen });
    }
    await this.#send(space, vmas, dirty, dirty);
  }

  async #send(space: Space, vmas: readonly Vma[], dirty: DirtyPages, pages: PageRuns): Promise<void> {
    const { pid, tracker, onTarget } = space;
    onTarget.collected(dirty);
    const model = this.#models.get(pid) ?? new SpaceModel();
    this.#models.set(pid, model);
    model.layout(vmas);
    const onSent = (sent: PageRuns, payload: Uint8Array | undefined): void => {
      tracker.sent(sent, payload);
      onTarget.sent(sent);
    };
    const sent = await sendRuns({ pid, space: pid, round: this.#collections, pages, onSent }, this.#sink);
    this.figures.pages += sent.pages;
  }

  /** Leaves out what the child shares with its parent, whose model it is cloned from. */
  #inherit(space: Space, dirty: DirtyPages): PageRuns {
    const parent = this.#spaces.get(parentOf(space.pid) ?? 0);
    const model = parent === undefined ? undefined : this.#models.get(parent.pid);
    if (parent === undefined || model === undefined) return dirty;
    const vmas = readMaps(parent.pid) ?? [];
    const from = { tracker: parent.tracker, vmas, onTarget: parent.onTarget };
    try {
      const { inherited, rest } = inheritedPages(from, space.tracker, dirty);
      this.#models.set(space.pid, SpaceModel.cloneOf(model));
      space.onTarget.inherit(parent.onTarget, dirty);
      this.figures.inheritedPages += pagesIn(inherited);
      return rest;
    } catch (error) {
      if (error instanceof GodwitError && error.code === 'NO_PROCESS') return dirty;
      throw error;
    }
  }

  /** A process found in the freeze cannot make a userfaultfd any more: it is copied whole. */
  #attach(pid: number, vmas: readonly Vma[], frozen: boolean, onTarget: TargetPages): Space {
    const help = {
      obtainUserfaultfd: () => this.#mutator.userfaultfd(pid),
      whileStopped: (look: () => void) => {
        process.kill(pid, 'SIGSTOP');
        while (stateOf(pid) !== 'T') pause(0.1);
        look();
        process.kill(pid, 'SIGCONT');
      },
    };
    const tracker = frozen
      ? new CompareTracker(pid, { scans: this.#chosen.scans })
      : makeTracker(this.#chosen, pid, help);
    tracker.arm(vmas);
    const space = { pid, tracker, onTarget };
    this.#spaces.set(pid, space);
    this.figures.processes++;
    return space;
  }

  #dropStale(pid: number): void {
    const space = this.#spaces.get(pid);
    const vmas = readMaps(pid) ?? [];
    if (space === undefined) return;
    const { scans } = this.#chosen;
    const find = (everywhere: boolean): PageRuns => {
      const stale = space.onTarget.stale(space.tracker.pagemapFd, vmas, { everywhere, scans });
      if (typeof stale === 'number') throw new Error(`stale pages of ${pid}: errno ${-stale}`);
      return stale;
    };
    const stale = find(false);
    const all = find(true);
    // The kernel may put the zero page in place of a page of zeros, unasked (a split huge page, KSM): nothing is wrong there.
    const overlooked = setOf(all);
    overlooked.remove(stale.runs, stale.count);
    for (const page of this.#models.get(pid)?.among(runsOfSet(overlooked)) ?? []) {
      if (page.equals(zeroPage)) continue;
      throw new Error(
        `process ${pid}: ${pagesIn(stale)} stale pages found quickly, ${pagesIn(all)} everywhere`,
      );
    }
    this.figures.stalePages += pagesIn(stale);
    this.#models.get(pid)?.drop(stale);
    space.onTarget.dropped(stale);
  }

  #findObjects(): FoundObject[] {
    return findSharedObjects([...this.#spaces.keys()].map((pid) => ({ pid, vmas: readMaps(pid) ?? [] })));
  }

  async #copyObjects(): Promise<void> {
    for (const { key, mapFile } of this.#findObjects()) {
      if (this.#objects.has(key)) continue;
      const id = this.#objects.size + 1;
      const reader = SharedObjectReader.open(id, mapFile, key);
      if (reader === undefined) continue; // unmapped meanwhile: found again elsewhere, or gone
      this.#objects.set(key, reader);
      this.#objectModels.set(id, new PageModel());
    }
    for (const reader of this.#objects.values()) {
      const sent = await reader.send(this.#collections, this.#sink);
      this.figures.pages += sent.pages;
    }
  }

  #compare(pid: number): string[] {
    const model = this.#models.get(pid);
    if (model === undefined) return [`process ${pid} has no copy`];
    const objectOf = (key: string): PageModel | undefined => {
      const object = this.#objects.get(key);
      return object === undefined ? undefined : this.#objectModels.get(object.id);
    };
    const { problems, pages } = compareSpace(pid, model, objectOf);
    this.figures.comparedPages += pages;
    const now = `round ${this.#collections}, ${this.#spaces.get(pid)?.tracker.kind ?? ''}, ${this.#mutator.lastOperation(pid)}`;
    return problems.map((problem) => `${problem} (${now})`);
  }

  #forget(pid: number): void {
    this.#spaces.get(pid)?.tracker.disarm();
    this.#spaces.delete(pid);
    this.#models.delete(pid);
  }

  #parentsFirst(): number[] {
    const pids = this.#mutator.pids();
    const depth = (pid: number): number => {
      const parent = parentOf(pid);
      return parent === undefined || !pids.includes(parent) ? 0 : 1 + depth(parent);
    };
    return pids.sort((a, b) => depth(a) - depth(b));
  }
}

function parentOf(pid: number): number | undefined {
  try {
    const fd = openSync(`/proc/${pid}/stat`, 'r');
    const text = Buffer.alloc(512);
    const length = readSync(fd, text);
    closeSync(fd);
    const stat = text.toString('latin1', 0, length);
    return Number(stat.slice(stat.lastIndexOf(')') + 4).split(' ')[0]);
  } catch {
    return undefined;
  }
}

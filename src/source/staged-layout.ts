// Keeps the target's picture of the tree up to date: sends what is different of the layout, whenever it changed.
import type { TreeLayout } from '../images/layout.ts';
import { changesNothing, updateOf, type LayoutUpdate } from '../images/layout-update.ts';
import { clocksAhead, readClocks } from '../kernel/clocks.ts';
import type { ControlConnection } from '../transport/control-connection.ts';
import { clocksAtLastReply } from './clock-offset.ts';
import type { Flight } from './flight.ts';
import { keptPages } from './kept-pages.ts';
import { remapped } from './remapped.ts';
import type { PageWire, VmasOf } from './wire.ts';
import type { SourceProcess } from './tree.ts';

const stageTimeoutMs = 120_000;

interface StagedWire {
  readonly control: ControlConnection<'source'>;
  readonly signal: AbortSignal;
  readonly pages: Pick<PageWire, 'keepBases'>;
}

export class StagedLayout {
  readonly #control: ControlConnection<'source'>;
  readonly #signal: AbortSignal;
  readonly #pages: Pick<PageWire, 'keepBases'>;
  #layout: TreeLayout | undefined;
  #hasRemapped = false;

  constructor({ control, signal, pages }: StagedWire) {
    this.#control = control;
    this.#signal = signal;
    this.#pages = pages;
  }

  /** Whether the target has lost pages since this was asked last: they come with the next collection. */
  takeRemapped(): boolean {
    const had = this.#hasRemapped;
    this.#hasRemapped = false;
    return had;
  }

  /** What is different from what the target has. */
  changesTo(layout: TreeLayout): LayoutUpdate {
    return updateOf(this.#layout, layout);
  }

  /** `known`: the living processes to be shown. Returns the layout that the target has now. */
  async update(flight: Flight, known: readonly SourceProcess[], vmasOf: VmasOf): Promise<TreeLayout> {
    const shown = new Set(known);
    const withZombies = flight.processes.filter(
      (process) =>
        shown.has(process) ||
        (process.zombie !== undefined && process.parent !== undefined && shown.has(process.parent)),
    );
    const layout = flight.layout(withZombies, vmasOf);
    const change = this.changesTo(layout);
    if (changesNothing(change)) return layout;
    // The target fixes the tree's clocks at its first layout.
    const clocks =
      this.#layout === undefined
        ? await clocksAtLastReply(this.#control, flight.rootPid, this.#signal)
        : treeClocks(flight.rootPid);
    this.#control.send({ type: 'stage', layout: change, clocks });
    await this.#control.expect('staged', { timeoutMs: stageTimeoutMs, signal: this.#signal });
    for (const { of, kept } of keptPages(this.#layout, layout)) this.#pages.keepBases(of, kept);
    for (const { space, ranges } of remapped(this.#layout, layout)) {
      if (flight.lost(space, ranges)) this.#hasRemapped = true;
    }
    this.#layout = layout;
    return layout;
  }
}

/** The tree's clocks at this instant. */
export function treeClocks(rootPid: number): { monotonic: bigint; boottime: bigint; realtime: bigint } {
  const ahead = clocksAhead(rootPid);
  const now = readClocks();
  return {
    monotonic: now.monotonic + ahead.monotonic,
    boottime: now.boottime + ahead.boottime,
    realtime: now.realtime,
  };
}

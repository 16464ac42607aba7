// Sends what the target misses, out of a frozen tree, over one line: what threads wait for first, and never so much of the rest on its way
// that they would wait behind it.
import { GodwitError } from '../../errors.ts';
import { pageSize } from '../../units.ts';
import { runsOfSet, setOf, type PageRuns } from '../../kernel/page-runs.ts';
import { sendRuns, SpaceFiles, ZeroRuns } from '../pages/page-sender.ts';
import type { PageLine } from './page-line.ts';
import { MissingPages, type NextPages } from './missing-pages.ts';

/** Milliseconds of the wire that one frame takes, and how many of the rest are on their way. Each costs both ends half a millisecond besides. */
const frameMs = 2;
const window = 3;
const leastFrame = 16 * 1024;
const mostFrame = 1024 * 1024;

export interface StreamFigures {
  pages: number;
  bytes: number;
  /** Pages that threads waited for. */
  wanted: number;
}

export interface StreamOptions {
  /** PID by the name of its space on the wire. */
  readonly pids: ReadonlyMap<number, number>;
  readonly id: string;
  readonly signal: AbortSignal;
  readonly figures: StreamFigures;
  /** After each frame: bytes that have not left yet. */
  readonly onProgress: (leftBytes: number) => void;
}

/**
 * Resolves when the tree misses nothing any more; it may have ended.
 * @throws GodwitError the line's end, or the target's word
 */
export async function streamPages(line: PageLine, options: StreamOptions): Promise<void> {
  const { control, pages: sink } = line;
  const signal = AbortSignal.any([line.ended, options.signal]);
  let news = new News();
  const waitedFor: { readonly space: number; readonly address: number }[] = [];
  control.handle('wanted', ({ pages }) => {
    waitedFor.push(...pages);
    options.figures.wanted += pages.length;
    news.tell();
  });
  control.send({ type: 'fetch', migrationId: options.id });
  const first = await control.receive({ signal });
  if (first.type === 'complete') return;
  if (first.type !== 'missing') throw unexpected(first.type);
  const missing = new MissingPages(first.spaces);
  const state = { isComplete: false };
  const completed = control.expect('complete', { signal }).then(() => {
    state.isComplete = true;
    news.tell();
  });
  completed.catch(() => {
    news.tell();
  });
  const pace = new Pace();
  using frozen = new FrozenSpaces(options.pids);
  let onTheirWay = 0;
  const arrived = (): void => {
    onTheirWay--;
    news.tell();
  };
  while (!state.isComplete) {
    signal.throwIfAborted();
    news = new News();
    for (const { space, address } of waitedFor.splice(0)) missing.want(space, address);
    const next = missing.take(onTheirWay < window ? pace.frameBytes : 0);
    if (next === undefined) {
      if (missing.bytes === 0 && onTheirWay === 0) break;
      await news.heard;
      continue;
    }
    await send(next, frozen, options.figures, sink);
    if (next.urgent) continue;
    options.onProgress(missing.bytes);
    onTheirWay++;
    pace.measure(next, sink.flush()).then(arrived, arrived);
  }
  await completed;
}

/** What changed while the loop was busy is not missed: it begins to listen before it looks. */
class News {
  #tell: () => void = () => undefined;
  readonly heard = new Promise<void>((resolve) => {
    this.#tell = resolve;
  });

  tell(): void {
    this.#tell();
  }
}

/** How long frames are, so that one takes about the same time on any link. */
class Pace {
  frameBytes = 4 * leastFrame;

  async measure({ pages }: NextPages, arrived: Promise<void>): Promise<void> {
    const bytes = bytesIn(pages);
    const began = performance.now();
    await arrived;
    const perMs = bytes / Math.max(0.05, performance.now() - began);
    const wanted = perMs * frameMs * window;
    const smoothed = 0.7 * this.frameBytes + 0.3 * wanted;
    this.frameBytes = Math.round(Math.min(mostFrame, Math.max(leastFrame, smoothed)) / pageSize) * pageSize;
  }
}

/** Where the pages of each space are, opened once: a frame may be of sixteen pages only. */
class FrozenSpaces implements Disposable {
  readonly #pids: ReadonlyMap<number, number>;
  readonly #opened = new Map<number, SpaceFiles>();

  constructor(pids: ReadonlyMap<number, number>) {
    this.#pids = pids;
  }

  /** @throws GodwitError PROTOCOL, NO_PROCESS */
  of(space: number): { readonly pid: number; readonly files: SpaceFiles } {
    const pid = this.#pids.get(space);
    if (pid === undefined)
      throw new GodwitError('PROTOCOL', `the target misses pages of process ${space}, which has none`);
    const files = this.#opened.get(space) ?? SpaceFiles.open(pid);
    this.#opened.set(space, files);
    return { pid, files };
  }

  [Symbol.dispose](): void {
    for (const files of this.#opened.values()) files[Symbol.dispose]();
  }
}

async function send(
  { space, pages }: NextPages,
  frozen: FrozenSpaces,
  figures: StreamFigures,
  sink: PageLine['pages'],
): Promise<void> {
  const sent: PageRuns[] = [];
  const onSent = (some: PageRuns): void => {
    sent.push(some); // each block brings runs of its own
  };
  const counters = await sendRuns({ ...frozen.of(space), space, round: 0, pages, onSent }, sink);
  figures.pages += counters.pages;
  figures.bytes += counters.bytes;
  if (counters.gonePages === 0) return;
  // What is not there any more reads as zeros; nobody may wait for it.
  const rest = setOf(pages);
  for (const { runs, count } of sent) rest.remove(runs, count);
  const absent = runsOfSet(rest);
  const zeros = new ZeroRuns({ round: 0, space, kind: 'space' }, sink);
  zeros.add(absent.runs, absent.count);
  zeros.flush();
}

function bytesIn({ runs, count }: PageRuns): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += runs[2 * i + 1] ?? 0;
  return sum;
}

function unexpected(type: string): GodwitError {
  return new GodwitError('PROTOCOL', `the target sent ${type} where it was to tell what is missing`);
}

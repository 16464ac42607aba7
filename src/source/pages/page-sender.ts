// Reads pages of a process and sends them: straight from its memory into the payload of a block, one native call a block.
// Pages of zeros travel as runs without payload. Pages that vanish meanwhile are not sent: the tracker reports them again,
// or the target gives them back in the freeze (target-pages.ts).
import { closeSync } from 'node:fs';
import { GodwitError } from '../../errors.ts';
import { errnoName } from '../../kernel/program.ts';
import { native } from '../../native.ts';
import { pageReadField } from '../../native-pages.ts';
import { pageSize } from '../../units.ts';
import { gone, openSpaceFile } from '../trackers/tracked-space.ts';
import { maxRunsPerFrame, newCounters } from './page-sink.ts';
import type { PageCounters, PageFrameInfo, PageSink, PageSinkBlock } from './page-sink.ts';
import type { PageRuns } from '../../kernel/page-runs.ts';

export interface SendPages {
  readonly pid: number;
  readonly space: number;
  readonly round: number;
  /** Ascending. */
  readonly pages: PageRuns;
  /** What really was sent, as it is sent; without payload: pages of zeros. Valid during the call only. */
  readonly onSent?: (pages: PageRuns, payload: Uint8Array | undefined) => void;
  /** Open already, and left open. */
  readonly files?: SpaceFiles;
}

/** @throws GodwitError NO_PROCESS, NO_RIGHTS, and what the sink throws */
export async function sendRuns<Block extends PageSinkBlock>(
  { pid, space, round, pages, onSent, files }: SendPages,
  sink: PageSink<Block>,
): Promise<PageCounters> {
  const counters = newCounters();
  if (pages.count === 0) return counters;
  const zeroRuns = new ZeroRuns({ round, space, kind: 'space' }, sink);
  const cursor = new Float64Array(2);
  const result = new Float64Array(5);
  const opened = files ?? SpaceFiles.open(pid);
  const { mem, pagemap } = opened;
  try {
    while ((cursor[0] ?? 0) < pages.count) {
      const block = await sink.acquire();
      const { payload } = block;
      const kept = new Float64Array((2 * payload.length) / pageSize);
      const zero = new Float64Array(kept.length);
      const error = native.readPages(
        pid,
        mem,
        pagemap,
        pages.runs,
        pages.count,
        cursor,
        payload,
        kept,
        zero,
        result,
      );
      const runCount = error < 0 ? 0 : (result[pageReadField.keptRuns] ?? 0);
      const length = result[pageReadField.payload] ?? 0;
      const zeroCount = result[pageReadField.zeroRuns] ?? 0;
      if (runCount > 0) {
        onSent?.({ runs: kept, count: runCount }, payload.subarray(0, length));
        sink.send(block, { round, space, kind: 'space', runs: kept, runCount });
      } else sink.release(block);
      if (error < 0) throw unreadable(pid, error);
      if (zeroCount > 0) {
        onSent?.({ runs: zero, count: zeroCount }, undefined);
        zeroRuns.add(zero, zeroCount);
      }
      const zeroPages = result[pageReadField.zeroPages] ?? 0;
      counters.pages += length / pageSize + zeroPages;
      counters.bytes += length;
      counters.zeroPages += zeroPages;
      counters.gonePages += result[pageReadField.gonePages] ?? 0;
    }
    zeroRuns.flush();
    return counters;
  } finally {
    if (files === undefined) opened[Symbol.dispose]();
  }
}

/** What the memory of a process is read through. */
export class SpaceFiles implements Disposable {
  readonly mem: number;
  readonly pagemap: number;

  private constructor(mem: number, pagemap: number) {
    this.mem = mem;
    this.pagemap = pagemap;
  }

  /** @throws GodwitError NO_PROCESS, NO_RIGHTS */
  static open(pid: number): SpaceFiles {
    const mem = openSpaceFile(pid, 'mem');
    try {
      return new SpaceFiles(mem, openSpaceFile(pid, 'pagemap'));
    } catch (error) {
      closeSync(mem);
      throw error;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.mem);
    closeSync(this.pagemap);
  }
}

type FrameOrigin = Pick<PageFrameInfo, 'round' | 'space' | 'kind'>;

/** Collects runs of zero pages, so that many share a frame. */
export class ZeroRuns {
  readonly #about: FrameOrigin;
  readonly #sink: Pick<PageSink, 'sendZero'>;
  /** Made when it is needed: 64 KiB, and most blocks have no page of zeros. */
  #runs: Float64Array | undefined;
  #count = 0;

  constructor(about: FrameOrigin, sink: Pick<PageSink, 'sendZero'>) {
    this.#about = about;
    this.#sink = sink;
  }

  /** Ascending over all calls. */
  add(runs: Float64Array, count: number): void {
    for (let from = 0; from < count;) {
      if (this.#count === maxRunsPerFrame) this.flush();
      const fits = Math.min(count - from, maxRunsPerFrame - this.#count);
      this.#runs ??= new Float64Array(2 * maxRunsPerFrame);
      this.#runs.set(runs.subarray(2 * from, 2 * (from + fits)), 2 * this.#count);
      this.#count += fits;
      from += fits;
    }
  }

  flush(): void {
    if (this.#runs !== undefined && this.#count > 0)
      this.#sink.sendZero({ ...this.#about, runs: this.#runs, runCount: this.#count });
    this.#count = 0;
  }
}

function unreadable(pid: number, errno: number): GodwitError {
  const name = errnoName(errno);
  if (name === 'ESRCH') return gone(pid);
  return new GodwitError('NO_RIGHTS', `the memory of process ${pid} cannot be read: ${name}`, {
    hint: 'run as root, or with CAP_SYS_PTRACE',
  });
}

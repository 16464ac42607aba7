// The time after RUNNING of a tree whose memory is not all on the target: it runs there, and its pages are here, in the frozen copy, which is
// the only one of them. So nothing is killed before the target has said that it misses nothing. A broken line is made anew, for a while by
// this agent, then by whatever the keeper starts when it has gone (settle-migration.ts).
import { setTimeout as sleep } from 'node:timers/promises';
import { asGodwitError, GodwitError } from '../../errors.ts';
import { peerOrigin } from '../../transport/problem.ts';
import { PageLine, type LineOptions } from './page-line.ts';
import { streamPages, type StreamFigures, type StreamOptions } from './stream.ts';

const firstPauseMs = 50;
const longestPauseMs = 1000;

export interface FetchOptions extends LineOptions {
  readonly pids: ReadonlyMap<number, number>;
  /** Milliseconds without a page that arrives, after which it gives up. */
  readonly patienceMs: number;
  /** Of the host that the tree runs on. */
  readonly peerBootId: string | undefined;
  readonly signal: AbortSignal;
  readonly warn: (text: string) => void;
  /** Bytes that are still here. */
  readonly onProgress: (leftBytes: number) => void;
}

export interface FetchFigures extends Readonly<StreamFigures> {
  readonly ms: number;
  /** Times that the line was made anew. */
  readonly reconnects: number;
}

/**
 * Resolves when the tree misses nothing any more, or has ended on the target: then the copy here may go. `line`: the one that stands.
 * @throws GodwitError IN_DOUBT: not all of it was sent; nothing may be killed here.
 */
export async function fetchRest(options: FetchOptions, line?: PageLine): Promise<FetchFigures> {
  const began = performance.now();
  const figures: StreamFigures = { pages: 0, bytes: 0, wanted: 0 };
  let [standing, reconnects, pauseMs, heardAt] = [line, 0, firstPauseMs, began];
  const onProgress = (leftBytes: number): void => {
    heardAt = performance.now();
    pauseMs = firstPauseMs;
    options.onProgress(leftBytes);
  };
  for (;;) {
    try {
      await overLine(standing, { ...options, figures, onProgress });
      return { ...figures, ms: performance.now() - began, reconnects };
    } catch (thrown) {
      const error = asGodwitError(thrown);
      // Its keeper is gone, and so the last process of the tree.
      if (error.code === 'NO_PROCESS' && peerOrigin(error) !== undefined)
        return { ...figures, ms: performance.now() - began, reconnects };
      const isLate = performance.now() - heardAt > options.patienceMs;
      if (error.code === 'IN_DOUBT' || options.signal.aborted || isLate) throw leftHere(options.id, error);
      if (reconnects === 0)
        options.warn(`the rest of the tree’s memory waits here: ${error.message}; trying again`);
    }
    standing = undefined;
    reconnects++;
    await sleep(pauseMs, undefined, { signal: options.signal }).catch(() => undefined);
    pauseMs = Math.min(longestPauseMs, 2 * pauseMs);
  }
}

/** Not in the loop: esbuild's `await using` throws there what an earlier turn has thrown (its variables outlive the turn). */
async function overLine(
  standing: PageLine | undefined,
  options: FetchOptions & StreamOptions,
): Promise<void> {
  await using line = standing ?? (await PageLine.open(options));
  refuseRebooted(options, line);
  await streamPages(line, options);
}

/** A host that was started anew has lost what ran on it, and its keeper. */
function refuseRebooted({ id, peerBootId }: FetchOptions, line: PageLine): void {
  if (peerBootId === undefined || line.peerBootId === peerBootId) return;
  throw new GodwitError(
    'IN_DOUBT',
    `the target of migration ${id} was started anew in post-copy: the tree is lost there`,
    {
      hint: 'the memory that was not sent is still frozen here; no whole copy is left',
    },
  );
}

function leftHere(id: string, cause: GodwitError): GodwitError {
  if (cause.code === 'IN_DOUBT') return cause;
  return new GodwitError(
    'IN_DOUBT',
    `migration ${id}: the tree runs on the target, and memory that it waits for is still here (${cause.message})`,
    {
      hint: `nothing is lost as long as this host stands; it goes on by itself, or by: godwit resolve ${id}`,
      cause,
    },
  );
}

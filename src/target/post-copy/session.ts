// The rest of a tree's memory, while it runs here: what is still missing is told to the source, pages that come go to the keeper, and whoever
// waits for one makes it come first. This worker knows nothing that matters: it may die at any moment, and the next one goes on.
import { once } from 'node:events';
import { GodwitError } from '../../errors.ts';
import { bytesOfRuns } from '../../images/missing.ts';
import { Keeper } from '../../kernel/keeper.ts';
import { pageContents } from '../pages/page-contents.ts';
import { requireSubject } from '../session.ts';
import type { TargetContext } from '../session.ts';
import { FaultStream } from './fault-stream.ts';

/** How long a source may take to hang up when it has been told that all is here. */
const lastWordMs = 10_000;

export async function servePostCopy(context: TargetContext): Promise<void> {
  const { control, signal } = context;
  const { migrationId } = await control.expect('fetch', { signal });
  requireSubject(context, migrationId);
  await using keeper = connect(migrationId);
  const stands = keeper.word.state;
  if (stands !== 'RUNNING')
    throw new GodwitError(
      'REFUSED',
      `the tree of migration ${migrationId} does not run here: it is ${stands}`,
    );
  const missing = keeper.postCopy.missing();
  const over = new AbortController();
  const completed = Symbol('nothing is missing');
  const stream = new FaultStream(keeper.postCopy.connect(), {
    wanted: (pages) => {
      if (control.state === 'fetched') control.send({ type: 'wanted', pages: [...pages] });
    },
    complete: () => {
      over.abort(completed);
    },
    ended: (reason) => {
      over.abort(reason);
    },
  });
  try {
    if (missing.size > 0) {
      const spaces = [...missing].map(([space, runs]) => ({ space, runs: bytesOfRuns(runs) }));
      control.send({ type: 'missing', spaces });
      context.openPages({ ...pageContents({ bases: noBases }), handler: (frame) => stream.apply(frame) });
    }
    const how = await reasonOf(AbortSignal.any([over.signal, signal]));
    if (how !== completed) throw how;
    control.send({ type: 'complete' });
    if (!control.ended.aborted)
      await once(control.ended, 'abort', { signal: AbortSignal.timeout(lastWordMs) }).catch(() => undefined);
  } finally {
    stream.close();
  }
}

/** A page that the tree may have changed since is no base. */
function noBases(): never {
  throw new GodwitError('PROTOCOL', 'the source sent the difference of a page that is missing here');
}

async function reasonOf(signal: AbortSignal): Promise<unknown> {
  if (!signal.aborted) await once(signal, 'abort');
  return signal.reason;
}

function connect(id: string): Keeper {
  try {
    return Keeper.connect(id, 'target');
  } catch (cause) {
    throw new GodwitError('NO_PROCESS', `nothing of migration ${id} is on this host: its tree has ended`, {
      cause,
    });
  }
}

// A person's decision: a tree that was given away, and of which the target has no copy, goes on here (`resolve --abort`). The target is asked,
// and gives up what it has: of its PREPARED -> ABORTED and PREPARED -> RUNNING its owner word lets one happen. Without its answer
// nothing is done: the tree may run there.
import { readFileSync } from 'node:fs';
import { GodwitError } from '../errors.ts';
import { appendHistory, Journal, readJournal } from '../kernel/journal.ts';
import { Keeper } from '../kernel/keeper.ts';
import { migrationDir } from '../kernel/run-dir.ts';
import { recordedPids } from './post-copy/post-copy.ts';
import { settle, type Settled } from './resolve.ts';
import { destination } from './settle-migration.ts';

/** What the target had of it. */
export type TakenBack = 'prepared' | 'nothing';

/** @throws GodwitError USAGE, REFUSED (it may run there), KEEPER */
export async function takeBackCommitted(id: string, forMs: number): Promise<TakenBack> {
  const dir = migrationDir(id, 'source');
  const records = readJournal(dir);
  const opened = records.find(({ state }) => state === 'OPEN');
  if (opened === undefined)
    throw new GodwitError('USAGE', `there is no migration ${id} of a tree of this host`);
  await using keeper = Keeper.connect(id, 'source');
  const { state } = keeper.word;
  if (state === 'ABORTED') throw new GodwitError('USAGE', `the tree of migration ${id} runs here already`);
  if (state !== 'COMMITTED') {
    throw new GodwitError('USAGE', `migration ${id} is still under way`, { hint: `godwit cancel ${id}` });
  }
  if (recordedPids(records) !== undefined)
    throw mayRun(id, 'its memory follows to the target, where it runs', 'run it there to its end');
  if (keeper.status().agentAlive)
    throw new GodwitError('USAGE', `migrate is still asking the target of migration ${id}`, {
      hint: 'wait for it',
    });
  // Behind the look at the agent: one that dies while it releases locks takes the tree along (release-locks.ts). Then the target has the only copy,
  // and must keep it.
  if (!standsHere(id, opened['pid']))
    throw new GodwitError(
      'REFUSED',
      `the tree of migration ${id} is not here any more: the target has the only copy`,
      {
        hint: `godwit resolve ${id} lets it run there`,
      },
    );
  const answer = await settle({ id, ...destination(opened), verdict: 'abort', forMs });
  if (answer !== 'aborted' && answer !== 'unknown') throw mayRun(id, reasons[answer], remedies[answer]);
  using journal = Journal.open(dir, id, 'source'); // the keeper may be gone, and all with it, as soon as the tree runs
  await keeper.revive();
  journal.write('ABORTED', { by: 'resolve --abort', target: answer });
  appendHistory({ id, role: 'source', state: 'taken back', target: answer });
  return answer === 'aborted' ? 'prepared' : 'nothing';
}

/** Its root is in the fence of this migration. */
function standsHere(id: string, pid: unknown): boolean {
  try {
    return readFileSync(`/proc/${String(pid)}/cgroup`, 'utf8').includes(`godwit-${id}-source`);
  } catch {
    return false;
  }
}

type Refusing = Exclude<Settled, 'aborted' | 'unknown'>;

const reasons: Readonly<Record<Refusing, string>> = {
  running: 'the target says that it runs there',
  'post-copy': 'the target says that it runs there',
  prepared: 'the target keeps its copy',
  unreachable: 'the target does not answer, and it may run there',
};
const remedies: Readonly<Record<Refusing, string>> = {
  running: 'godwit resolve without --abort ends the copy here',
  'post-copy': 'godwit resolve without --abort sends the rest of its memory',
  prepared: 'look at the log of receive there',
  unreachable:
    'start godwit receive there, also if that host was started anew: it says then that it has nothing',
};

function mayRun(id: string, why: string, hint: string): GodwitError {
  return new GodwitError('REFUSED', `migration ${id} is not taken back: ${why}; two copies would run`, {
    hint,
  });
}

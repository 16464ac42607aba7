// A person's decision on the target's host about a tree that stands PREPARED and whose source does not come back
// (`resolve --commit`, `resolve --abort`). Which of both is right only the source knows: it may have committed, or have taken its tree back.
import { GodwitError } from '../errors.ts';
import { appendHistory, Journal } from '../kernel/journal.ts';
import { Keeper } from '../kernel/keeper.ts';

export interface Decision {
  readonly verdict: 'commit' | 'abort';
  /** The person says so: no copy can run there any more. */
  readonly isSourceLost: boolean;
}

/** @throws GodwitError USAGE, REFUSED (two copies could run), KEEPER */
export async function decideHere(
  id: string,
  { verdict, isSourceLost }: Decision,
): Promise<'running' | 'aborted'> {
  await using keeper = Keeper.connect(id, 'target');
  const { state } = keeper.word;
  if (state !== 'PREPARED') {
    const what = state === 'RUNNING' ? 'its tree runs here' : `it is ${state}`;
    throw new GodwitError('USAGE', `migration ${id} is not in doubt on this host: ${what}`, {
      ...(state === 'STAGING' && { hint: `godwit cancel ${id}` }),
    });
  }
  if (keeper.status().agentAlive)
    throw new GodwitError('USAGE', `the source of migration ${id} is connected: it decides`, {
      hint: 'end migrate there',
    });
  using journal = Journal.open(keeper.dir, id, 'target'); // which an abort takes along
  if (verdict === 'commit') {
    if (!isSourceLost) throw twoCopies(id);
    keeper.run();
  } else await keeper.abort();
  const reached = verdict === 'commit' ? 'RUNNING' : 'ABORTED';
  journal.write(reached, { by: 'a person' });
  appendHistory({ id, role: 'target', state: reached, by: 'a person' });
  return verdict === 'commit' ? 'running' : 'aborted';
}

function twoCopies(id: string): GodwitError {
  return new GodwitError(
    'REFUSED',
    `migration ${id}: its source may have taken the tree back, which runs there then`,
    {
      hint:
        `on the source "godwit resolve ${id}" knows, and tells this host. If that host was started anew, or never comes back, its copy is gone: ` +
        'say so by --source-lost. What ran there after the last freeze is lost then',
    },
  );
}

// The target's half of `resolve`: the source tells how a migration ends, and hears what became of it here.
import type { TargetMessage } from '../transport/messages.ts';
import { Keeper } from '../kernel/keeper.ts';
import { Journal } from '../kernel/journal.ts';
import { requireSubject } from './session.ts';
import type { TargetContext } from './session.ts';

type Resolved = Extract<TargetMessage, { type: 'resolved' }>['state'];

export async function resolveMigration(context: TargetContext): Promise<void> {
  const { control, signal } = context;
  const { migrationId, verdict } = await control.expect('resolve', { signal });
  requireSubject(context, migrationId);
  const state = await settle(migrationId, verdict);
  control.send({ type: 'resolved', state });
}

/** Running twice, or ending twice, changes nothing: the owner word decides. */
export async function settle(id: string, verdict: 'commit' | 'abort'): Promise<Resolved> {
  await using keeper = connect(id);
  if (keeper === undefined) return 'unknown';
  if (verdict === 'commit' && keeper.word.state === 'PREPARED') {
    keeper.run();
    record(keeper, 'RUNNING');
  }
  if (verdict === 'abort' && keeper.word.state !== 'RUNNING') {
    record(keeper, 'ABORTED');
    await keeper.abort();
    return 'aborted';
  }
  const { state } = keeper.word;
  if (state === 'RUNNING') return keeper.status().missing > 0 ? 'post-copy' : 'running';
  if (state === 'PREPARED') return 'prepared';
  return state === 'ABORTED' ? 'aborted' : 'unknown';
}

/** undefined: this host has nothing of the migration. */
function connect(id: string): Keeper | undefined {
  try {
    return Keeper.connect(id, 'target');
  } catch {
    return undefined;
  }
}

function record(keeper: Keeper, state: string): void {
  using journal = Journal.open(keeper.dir, keeper.id, 'target');
  journal.write(state, { by: 'resolve' });
}

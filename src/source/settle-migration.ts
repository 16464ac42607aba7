// The source's half of `resolve`: what the owner word says is told to the target, and what follows from its answer is done.
import { GodwitError } from '../errors.ts';
import { Journal, readJournal, type JournalRecord } from '../kernel/journal.ts';
import { Keeper } from '../kernel/keeper.ts';
import { OwnerWord } from '../kernel/owner-word.ts';
import { migrationDir } from '../kernel/run-dir.ts';
import type { Endpoint } from '../transport/endpoint.ts';
import { settle, type Settled } from './resolve.ts';

export interface Settlement {
  readonly verdict: 'commit' | 'abort';
  readonly target: Settled;
}

/** @throws GodwitError USAGE: no such migration here, or its agent still works on it. */
export async function settleMigration(id: string, forMs: number): Promise<Settlement> {
  const dir = migrationDir(id, 'source');
  const opened = readJournal(dir).find(({ state }) => state === 'OPEN');
  if (opened === undefined) {
    throw new GodwitError('USAGE', `there is no migration ${id} on this host`, {
      hint: 'resolve on the source host',
    });
  }
  using word = OwnerWord.open(dir, 'source');
  const { state } = word;
  if (state === 'OPEN' || state === 'FENCED') {
    throw new GodwitError('USAGE', `migration ${id} is still under way`, {
      hint: 'wait for migrate, or end it with Ctrl-C',
    });
  }
  const verdict = state === 'COMMITTED' ? 'commit' : 'abort';
  const target = await settle({ id, ...destination(opened), verdict, forMs });
  if (verdict === 'commit' && target === 'running') {
    using journal = Journal.open(dir, id, 'source');
    journal.write('RUNNING');
    await using keeper = Keeper.connect(id, 'source');
    await keeper.finish();
  }
  return { verdict, target };
}

function destination(opened: JournalRecord): { endpoint: Endpoint; plaintext: boolean } {
  const endpoint = opened['endpoint'] as Partial<Endpoint> | undefined;
  if (endpoint?.address === undefined || endpoint.port === undefined) {
    throw new GodwitError('INTERNAL', `the journal of migration ${opened.id} does not name its target`);
  }
  const { address, host = address, port } = endpoint;
  return { endpoint: { address, host, port }, plaintext: opened['plaintext'] === true };
}

// The source's half of `resolve`: what the owner word says is told to the target, and what follows from its answer is done.
import { asGodwitError, GodwitError } from '../errors.ts';
import { Journal, readJournal, type JournalRecord } from '../kernel/journal.ts';
import { Keeper } from '../kernel/keeper.ts';
import { OwnerWord } from '../kernel/owner-word.ts';
import { migrationDir } from '../kernel/run-dir.ts';
import type { Endpoint } from '../transport/endpoint.ts';
import { securityOf, type SessionSecurity } from '../transport/security.ts';
import { fetchRest } from './post-copy/fetching.ts';
import { recordedPids } from './post-copy/post-copy.ts';
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
  const peer = destination(opened);
  const pids = recordedPids(readJournal(dir));
  if (pids !== undefined && verdict === 'commit') refuseIfServed(id);
  let target = await settle({ id, ...peer, verdict, forMs });
  if (target === 'post-copy' && pids !== undefined) target = await sendRest(id, peer, pids, opened, forMs);
  if (verdict === 'commit' && target === 'running') {
    using journal = Journal.open(dir, id, 'source');
    journal.write('RUNNING');
    await using keeper = Keeper.connect(id, 'source');
    await keeper.finish();
  }
  return { verdict, target };
}

/** @throws GodwitError USAGE */
function refuseIfServed(id: string): void {
  const keeper = Keeper.connect(id, 'source');
  const { agentAlive, resolver } = keeper.status();
  void keeper.close();
  if (!agentAlive && (resolver === 0 || resolver === process.pid)) return;
  const who = agentAlive ? 'migrate' : `process ${resolver}, which the keeper has started,`;
  throw new GodwitError('USAGE', `${who} is sending the rest of the memory of migration ${id}`, {
    hint: 'wait for it; it goes on by itself for as long as it takes',
  });
}

/** The tree runs, and its memory is here: 'running' when it has it all. */
async function sendRest(
  id: string,
  peer: Destination,
  pids: ReadonlyMap<number, number>,
  { peerBootId }: JournalRecord,
  patienceMs: number,
): Promise<Settled> {
  const { signal } = new AbortController();
  const silent = (): void => undefined;
  const line = { id, ...peer, compress: 'auto', bandwidth: undefined } as const;
  try {
    await fetchRest({ ...line, pids, patienceMs, peerBootId, signal, warn: silent, onProgress: silent });
    return 'running';
  } catch (error) {
    if (asGodwitError(error).code === 'IN_DOUBT') return 'post-copy';
    throw error;
  }
}

export interface Destination {
  readonly endpoint: Endpoint;
  readonly security: SessionSecurity;
}

/** @throws GodwitError INTERNAL */
export function destination(opened: JournalRecord): Destination {
  const endpoint = opened['endpoint'] as Partial<Endpoint> | undefined;
  const security = securityOf(opened['security']);
  if (endpoint?.address === undefined || endpoint.port === undefined || security === undefined) {
    throw new GodwitError('INTERNAL', `the journal of migration ${opened.id} does not name its target`);
  }
  const { address, host = address, port } = endpoint;
  return { endpoint: { address, host, port }, security };
}

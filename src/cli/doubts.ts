// `godwit resolve` without an ID: the migrations that somebody may have to settle, on this host.
import Table from 'cli-table3';
import { bootId } from '../kernel/boot-id.ts';
import { readJournal } from '../kernel/journal.ts';
import { Keeper } from '../kernel/keeper.ts';
import type { OwnerState } from '../kernel/owner-word.ts';
import { listMigrations, type Role } from '../kernel/run-dir.ts';

export interface Doubt {
  readonly id: string;
  readonly role: Role;
  /** Of the owner word here. */
  readonly state: OwnerState;
  /** What this host knows of the other one. */
  readonly there: string;
  readonly 'boot-id': string;
  readonly 'peer-boot-id': string | undefined;
  /** PID of what is settling it; 0: nothing is. */
  readonly resolver: number;
  readonly next: string;
}

export async function doubtsHere(): Promise<Doubt[]> {
  const found = await Promise.all(listMigrations().map(async ({ id, role, dir }) => doubtOf(id, role, dir)));
  return found.filter((one) => one !== undefined);
}

async function doubtOf(id: string, role: Role, dir: string): Promise<Doubt | undefined> {
  try {
    await using keeper = Keeper.connect(id, role);
    const { agentAlive, resolver } = keeper.status();
    const { state } = keeper.word;
    const words = said[state];
    if (agentAlive || words === undefined) return undefined;
    const peer = readJournal(dir).findLast(({ peerBootId }) => peerBootId !== undefined)?.peerBootId;
    return { id, role, state, ...words, 'boot-id': bootId(), 'peer-boot-id': peer, resolver };
  } catch {
    return undefined; // it is over just now
  }
}

const said: Readonly<Partial<Record<OwnerState, Pick<Doubt, 'there' | 'next'>>>> = {
  COMMITTED: {
    there: 'PREPARED, or it runs',
    next: 'resolve ID asks there; resolve ID --abort takes it back if nothing of it is left there',
  },
  ABORTED: { there: 'PREPARED at most', next: 'it runs here; resolve ID tells the other host' },
  PREPARED: {
    there: 'FENCED, COMMITTED, or it has taken the tree back',
    next: 'resolve ID on the source; if that is lost, resolve ID --commit --source-lost or --abort here',
  },
};

export function doubtTable(doubts: readonly Doubt[]): string {
  const table = new Table({
    head: ['migration', 'this host', 'boot ID', 'the other host', 'boot ID', 'what next'],
    style: { head: [], border: [] },
    colWidths: [null, null, 10, 22, 10, 40],
    wordWrap: true,
  });
  for (const { id, role, state, there, next, resolver, ...boots } of doubts) {
    const what = resolver === 0 ? next : `process ${resolver} is settling it`;
    const short = (boot: string | undefined): string => boot?.slice(0, 8) ?? '?';
    table.push([id, `${role}, ${state}`, short(boots['boot-id']), there, short(boots['peer-boot-id']), what]);
  }
  return table.toString();
}

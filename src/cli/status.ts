// `godwit status`: what goes on, on this host: migrations under way or in doubt, and connections that are forwarded.
import Table from 'cli-table3';
import prettyBytes from 'pretty-bytes';
import type { CommandModule } from 'yargs';
import { readForwardRecords, type ForwardRecord } from '../kernel/forward-record.ts';
import { readJournal } from '../kernel/journal.ts';
import { listMigrations, type Role } from '../kernel/run-dir.ts';

interface StatusArguments {
  readonly json: boolean;
}

interface MigrationStatus {
  readonly id: string;
  readonly role: Role;
  /** The last state of the journal (docs/operations.md). */
  readonly state: string;
  /** CLOCK_REALTIME, milliseconds: when it came into that state. */
  readonly since: number;
}

export const statusCommand: CommandModule<object, StatusArguments> = {
  command: 'status',
  describe: 'say which migrations go on here, and which connections are forwarded',
  builder: (yargs) => yargs.option('json', { type: 'boolean', default: false, describe: 'answer as JSON' }),
  handler: ({ json }) => {
    const migrations = migrationsHere();
    const forwarding = readForwardRecords();
    process.stdout.write(
      json ? `${JSON.stringify(toJson(migrations, forwarding))}\n` : `${toText(migrations, forwarding)}\n`,
    );
  },
};

function migrationsHere(): MigrationStatus[] {
  return listMigrations().flatMap(({ id, role, dir }) => {
    const last = readJournal(dir).at(-1);
    return last === undefined ? [] : [{ id, role, state: last.state, since: last.at }];
  });
}

function toJson(migrations: readonly MigrationStatus[], forwarding: readonly ForwardRecord[]): object {
  return {
    migrations,
    forwarding: forwarding.map(({ id, role, pid, peer, since, connections, there, back }) => ({
      id,
      role,
      pid,
      peer,
      since,
      connections: connections.map((name) => {
        const [local, remote] = name.split(' ');
        return { local, remote };
      }),
      'bytes-to-tree': there,
      'bytes-from-tree': back,
    })),
  };
}

/** More of one process are counted only: --json names all. */
const mostNamed = 20;

function toText(migrations: readonly MigrationStatus[], forwarding: readonly ForwardRecord[]): string {
  if (migrations.length === 0 && forwarding.length === 0) return 'Nothing goes on here.';
  const parts: string[] = [];
  if (migrations.length > 0) {
    const table = new Table({
      head: ['migration', 'this host is the', 'state', 'since'],
      style: { head: [], border: [] },
    });
    for (const { id, role, state, since } of migrations) table.push([id, role, state, timeText(since)]);
    parts.push(table.toString());
  }
  for (const record of forwarding) parts.push(forwardingText(record));
  return parts.join('\n');
}

function forwardingText({ id, role, pid, peer, since, connections, there, back }: ForwardRecord): string {
  const count = `${connections.length} ${connections.length === 1 ? 'connection' : 'connections'}`;
  const how = role === 'source' ? `forwarded to ${peer}` : `forwarded here by ${peer}`;
  const bytes = `${prettyBytes(there)} to the tree, ${prettyBytes(back)} from it`;
  const table = new Table({ head: ['tree', 'other end'], style: { head: [], border: [] } });
  for (const name of connections.slice(0, mostNamed)) table.push(name.split(' '));
  const more = connections.length - mostNamed;
  if (more > 0) table.push([`and ${more} more`, '']);
  return `${count} ${how} since ${timeText(since)} by process ${pid} (migration ${id}): ${bytes}\n${table.toString()}`;
}

const timeText = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').slice(0, 19);

// PostgreSQL in a host, filled by pgbench; its files are in the scratch directory, which both hosts have.
import { appendFileSync, chownSync, existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun, runCommand, until } from '../helpers/commands.ts';
import type { Host } from '../helpers/host.ts';
import type { Spawned } from '../helpers/namespace-host.ts';

/** Made by Debian's package; it does not run as root. */
const user = 'postgres';

export interface Postgres extends Spawned {
  /** How many transactions of pgbench there were, and whether the sums of its tables agree: "1234|t". */
  audit(): Promise<string>;
}

const versions = '/usr/lib/postgresql';

/** The `skip` option of a test. */
export function withoutPostgres(): string | false {
  if (existsSync(versions)) return false;
  process.stderr.write('SKIPPED: postgresql is not installed\n');
  return 'postgresql is not installed';
}

function programs(): string {
  const [newest] = readdirSync(versions).toSorted((one, other) => Number(other) - Number(one));
  return join(versions, newest ?? '', 'bin');
}

/** `address`: at which clients find it. */
export async function startPostgres(host: Host, address: string): Promise<Postgres> {
  const bin = programs();
  const directory = mkdtempSync(join(host.scratch, 'postgres-'));
  const id = async (which: '-u' | '-g'): Promise<number> => Number(await mustRun('id', [which, user]));
  chownSync(directory, await id('-u'), await id('-g'));
  const as = ['--reuid=postgres', '--regid=postgres', '--init-groups'];
  const init = [`${bin}/initdb`, '-D', directory, '-A', 'trust', '--no-sync'];
  const made = await host.run('setpriv', [...as, ...init]);
  if (made.code !== 0) throw new Error(`initdb: ${made.stderr}`);
  appendFileSync(join(directory, 'pg_hba.conf'), 'host all all 0.0.0.0/0 trust\n');
  const settings = ['listen_addresses=*', `unix_socket_directories=${directory}`, 'shared_buffers=32MB'];
  const args = ['-D', directory, ...settings.flatMap((setting) => ['-c', setting])];
  const spawned = await host.spawn(`${bin}/postgres`, args, { user });
  const client = ['-h', address, '-U', user];
  await until(
    () => `it answers; it said: ${spawned.errors()}`,
    async () => (await runCommand('psql', [...client, '-c', 'select 1'])).code === 0,
  );
  await mustRun('pgbench', [...client, '-i', '-s', '2', '-q', 'postgres']);
  const sums =
    'select count(*), coalesce(sum(delta), 0) = (select sum(abalance) from pgbench_accounts) from pgbench_history';
  return { ...spawned, audit: async () => mustRun('psql', [...client, '-Atc', sums]) };
}

// Where Godwit keeps what a migration needs on this host: /run/godwit/<id>/<role>/ (memory, gone with the host) holds
// the owner word, keeper.sock and the journal; /var/lib/godwit what people may want to read later. Users have their own.
import { readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { GodwitError } from '../errors.ts';

export type Role = 'source' | 'target';
export const roles: readonly Role[] = ['source', 'target'];

/** Both roles of a migration have a folder of their own: a tree may move within one host. */
export interface MigrationDir {
  readonly id: string;
  readonly role: Role;
  readonly dir: string;
}

const isRoot = (): boolean => (process.geteuid?.() ?? 0) === 0;

/** Users have theirs where the XDG Base Directory Specification has it; it must not outlive the host's uptime. */
export function runDir(): string {
  const chosen = process.env['GODWIT_RUN_DIR'];
  if (chosen !== undefined) return chosen;
  if (isRoot()) return '/run/godwit';
  return join(process.env['XDG_RUNTIME_DIR'] ?? `/run/user/${process.geteuid?.() ?? 0}`, 'godwit');
}

export function stateDir(): string {
  const chosen = process.env['GODWIT_STATE_DIR'];
  if (chosen !== undefined) return chosen;
  if (isRoot()) return '/var/lib/godwit';
  return join(process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local/state'), 'godwit');
}

/** @throws GodwitError USAGE for an ID that is not one: it becomes part of paths. */
export function migrationDir(id: string, role: Role): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(id)) {
    throw new GodwitError('USAGE', `"${id}" is not the ID of a migration`);
  }
  return join(runDir(), id, role);
}

/** Migrations that have a folder here: they go on, or their keeper still has something to hold. */
export function listMigrations(): MigrationDir[] {
  return names(runDir()).flatMap((id) => {
    const present = names(join(runDir(), id));
    return roles
      .filter((role) => present.includes(role))
      .map((role) => ({ id, role, dir: join(runDir(), id, role) }));
  });
}

function names(dir: string): string[] {
  try {
    return readdirSync(dir).sort();
  } catch {
    return []; // nothing was ever migrated here, or it has just ended
  }
}

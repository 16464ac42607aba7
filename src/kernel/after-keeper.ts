// What a keeper leaves behind that was killed itself, cleared away by its agent, who notices (KeeperProcess.ended): cgroups by their
// names, and the folder of the migration. Everything else that an agent lends to a keeper the agent holds too.
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import type { Dirent } from 'node:fs';
import { dirname, join } from 'node:path';
import { cgroup2Mount } from './cgroup2.ts';
import { pause } from './pause.ts';
import { migrationDir, type Role } from './run-dir.ts';

const patienceMs = 5000;
const lookEveryMs = 5;

/**
 * `release`: what is in the fence goes on, where it was before; `kill`: it ends. Synchronous: nothing may come in between.
 * @throws Error of the file system: what it has not cleared away
 */
export function clearAfterKeeper(id: string, role: Role, how: 'release' | 'kill'): void {
  const fence = `godwit-${id}-${role}`;
  for (const path of find(cgroup2Mount().mountPoint, new Set([fence, `godwit-keeper-${id}-${role}`]))) {
    const isKept = how === 'release' && path.endsWith(`/${fence}`);
    if (isKept) release(path);
    else writeFileSync(join(path, 'cgroup.kill'), '1'); // Linux 5.14
    waitFor(() => !isPopulated(path));
    rmdirSync(path);
  }
  const folder = migrationDir(id, role);
  rmSync(folder, { recursive: true, force: true });
  if (existsSync(dirname(folder)) && readdirSync(dirname(folder)).length === 0) rmdirSync(dirname(folder));
}

function release(path: string): void {
  writeFileSync(join(path, 'cgroup.freeze'), '0');
  waitFor(() => {
    const inside = readFileSync(join(path, 'cgroup.procs'), 'utf8')
      .split('\n')
      .filter((pid) => pid !== '');
    for (const pid of inside) {
      try {
        writeFileSync(join(dirname(path), 'cgroup.procs'), pid);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // it has just ended
      }
    }
    return inside.length === 0;
  });
}

function isPopulated(path: string): boolean {
  return readFileSync(join(path, 'cgroup.events'), 'utf8').includes('populated 1');
}

function waitFor(done: () => boolean): void {
  for (const until = performance.now() + patienceMs; !done() && performance.now() < until;)
    pause(lookEveryMs);
}

function find(folder: string, names: ReadonlySet<string>): string[] {
  return entriesOf(folder)
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => [
      ...find(join(folder, name), names),
      ...(names.has(name) ? [join(folder, name)] : []),
    ]);
}

/** Others come and go all the time. */
function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (['ENOENT', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

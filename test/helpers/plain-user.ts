// What a plain user has on a host of the test bed: a cgroup that was delegated (cgroups(7)), directories of its own, and the package and
// node where that user can read them, wherever this clone lies.
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { godwitPath } from './godwit-path.ts';

export interface PlainUser {
  readonly id: number;
  readonly cgroup: string;
  readonly node: string;
  readonly godwit: string;
  readonly home: string;
}

/** Shell words with the arguments of `bindings`, run in the mount namespace of the host, with which they go. */
export const bindForUser = 'mount --bind "$1" "$2" && mount --bind "$3" "$4"';

export function bindings({ node, godwit }: PlainUser): string[] {
  const rootOf = (path: string): string => dirname(dirname(dirname(path)));
  return [process.execPath, node, rootOf(godwitPath), rootOf(godwit)];
}

/** Makes the directories; `above`: the cgroup of the host. */
export function preparePlainUser(id: number, above: string, home: string): PlainUser {
  const cgroup = join(above, `user-${id}`);
  const built = join(home, 'package');
  const node = join(home, 'node');
  for (const directory of [cgroup, home, built]) mkdirSync(directory);
  writeFileSync(node, '');
  const files = ['cgroup.procs', 'cgroup.threads', 'cgroup.subtree_control'].map((file) =>
    join(cgroup, file),
  );
  for (const path of [cgroup, ...files, home]) chownSync(path, id, id);
  chmodSync(home, 0o755);
  return { id, cgroup, node, godwit: join(built, 'dist/cli/godwit.js'), home };
}

export function environmentOf({ home }: PlainUser): Record<string, string> {
  return { HOME: home, XDG_RUNTIME_DIR: home, XDG_STATE_HOME: join(home, 'state') };
}

export function setprivOf({ id }: PlainUser): string[] {
  return ['setpriv', `--reuid=${id}`, '--clear-groups', `--regid=${id}`];
}

/** Makes empty files that belong to the user: those that a shell makes for it are the shell's. */
export function giveTo({ id }: PlainUser, paths: readonly string[]): void {
  for (const path of paths) {
    writeFileSync(path, '');
    chownSync(path, id, id);
  }
}

// Paths that a source names are opened, made and renamed with the rights of the user whose tree it is, where receive was not told to
// --allow-root. The identity for files (setfsuid(2)) is the calling thread's alone; without an ID of 0 the kernel takes away the
// capabilities about files (CAP_DAC_OVERRIDE and the like), and gives them back (capabilities(7), "Effect of user ID changes").
import { constants } from 'node:fs';
import { runLocal } from '../../kernel/local-program.ts';
import { mayAccess } from '../../kernel/may-access.ts';
import { Program } from '../../kernel/program.ts';
import { ownGroups } from '../../kernel/rights.ts';
import { allowed } from './allowed.ts';
import type { AllowedUser } from './allowed.ts';

let user: AllowedUser | undefined;

/** Whose tree it is; the first of several. What it may be is checked elsewhere. */
export function becomeFor(uids: readonly number[]): void {
  const { root, users } = allowed();
  user = root ? undefined : (users.find(({ uid }) => uids.includes(uid)) ?? users[0]);
}

/** Whether it may be a working directory. */
export function userCanEnter(path: string): boolean {
  return asUser(() => mayAccess(path, constants.X_OK)) === 0;
}

let depth = 0;

/** `use` must be synchronous, and must not need the agent's own rights to files. */
export function asUser<T>(use: () => T): T {
  const who = user;
  if (who === undefined || process.geteuid?.() !== 0 || depth > 0) return use();
  const [gid = 0] = who.groups;
  become(who.uid, gid, who.groups);
  depth++;
  try {
    return use();
  } finally {
    depth--;
    become(0, process.getegid?.() ?? 0, ownGroups());
  }
}

/** Raw system calls: those of the C library change all threads. */
function become(uid: number, gid: number, groups: readonly number[]): void {
  const program = new Program();
  const list = program.bytes(new Uint8Array(Uint32Array.from(groups).buffer));
  program.call('setgroups', groups.length, list);
  program.attempt('setfsgid', gid);
  program.attempt('setfsuid', uid);
  runLocal(program);
}

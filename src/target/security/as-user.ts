// Paths that a source names are opened, made and renamed with the rights of the user whose tree it is, where receive was not told to
// --allow-root. The identity for files (setfsuid(2)) is the calling thread's alone; without an ID of 0 the kernel takes away the
// capabilities about files (CAP_DAC_OVERRIDE and the like), and gives them back (capabilities(7), "Effect of user ID changes").
import { constants } from 'node:fs';
import { GodwitError } from '../../errors.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { mayAccess } from '../../kernel/may-access.ts';
import { Program } from '../../kernel/program.ts';
import { ownGroups } from '../../kernel/rights.ts';
import { allowed, hint } from './allowed.ts';
import type { AllowedUser } from './allowed.ts';

let chosen: AllowedUser | undefined;

/** Whose tree it is; the first of several. What it may be is checked elsewhere. */
export function becomeFor(uids: readonly number[]): void {
  chosen = allowed().users.find(({ uid }) => uids.includes(uid));
}

/** With whose rights paths are used; undefined: with those of this agent, which was told to --allow-root. @throws GodwitError NOT_ALLOWED */
export function userOfTree(): AllowedUser | undefined {
  const { root, users } = allowed();
  if (root) return undefined;
  const user = chosen ?? users[0];
  if (user === undefined) throw new GodwitError('NOT_ALLOWED', 'the target takes no trees', { hint });
  return user;
}

/** Whether it may be a working directory. */
export function userCanEnter(path: string): boolean {
  return asUser(() => mayAccess(path, constants.X_OK)) === 0;
}

let depth = 0;

/** `use` must be synchronous, and must not need the agent's own rights to files. @throws GodwitError NOT_ALLOWED, NO_RIGHTS */
export function asUser<T>(use: () => T): T {
  const who = userOfTree();
  if (who === undefined || depth > 0) return use();
  const own = { uid: process.geteuid?.() ?? 0, groups: ownGroups(), gid: process.getegid?.() ?? 0 };
  const [gid = who.uid] = who.groups;
  try {
    become(who.uid, gid, who.groups);
    depth++;
    try {
      return use();
    } finally {
      depth--;
    }
  } finally {
    become(own.uid, own.gid, own.groups);
  }
}

/** Raw system calls: those of the C library change all threads. Nothing is done as somebody else than was meant. */
function become(uid: number, gid: number, groups: readonly number[]): void {
  const program = new Program();
  const list = program.bytes(new Uint8Array(Uint32Array.from(groups).buffer));
  const set = program.attempt('setgroups', groups.length, list);
  program.attempt('setfsgid', gid);
  program.attempt('setfsuid', uid);
  // Neither tells whether it has done anything, but what is set (setfsuid(2), "Bugs").
  const [nowGid, nowUid] = [program.attempt('setfsgid', -1), program.attempt('setfsuid', -1)];
  const outcome = runLocal(program);
  if (outcome.number(set) >= 0 && outcome.number(nowGid) === gid && outcome.number(nowUid) === uid) return;
  throw new GodwitError('NO_RIGHTS', `this agent cannot use files as user ${uid}`, {
    hint: 'it needs CAP_SETUID and CAP_SETGID',
  });
}

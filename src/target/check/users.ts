// Whose the processes are: a plain user can restore own ones only, with the groups that everything of this agent has.
import type { Blocker, Requirements } from '../../images/requirements.ts';
import { hasCapability, isInside, may, ownGroups } from '../../kernel/rights.ts';
import { hint, refusalsOf } from '../security/allowed.ts';
import { blocker } from './blocker.ts';

type Wanted = Pick<Requirements, 'uids' | 'gids' | 'groups' | 'seccomp' | 'capabilities'>;

/** Who restores, and may become whom. */
export interface Restorer {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly setuid: boolean;
  readonly setgid: boolean;
}

export function checkUsers({ uids, gids, groups }: Wanted, own: Restorer = thisAgent()): Blocker[] {
  const remedy = 'run receive as root, or as that user';
  const found: Blocker[] = [];
  if (!own.setuid)
    for (const other of uids.filter((id) => id !== own.uid)) {
      const reason = `the tree has processes of this user, and receive runs as user ${own.uid} without CAP_SETUID`;
      found.push(blocker(`user ${other}`, reason, remedy));
    }
  if (own.setgid) return found;
  for (const other of gids.filter((id) => id !== own.gid)) {
    const reason = `the tree has processes of this group, and receive runs as group ${own.gid} without CAP_SETGID`;
    found.push(blocker(`group ${other}`, reason, remedy));
  }
  const has = namesOf(own.groups);
  for (const set of groups.map(namesOf).filter((set) => set !== has)) {
    const reason = `the tree has ${set}, receive has ${has}, and cannot change them without CAP_SETGID`;
    found.push(blocker('supplementary groups', reason, remedy));
  }
  return found;
}

/** Whom the operator has told receive to take. */
export function checkAllowed(wanted: Parameters<typeof refusalsOf>[0]): Blocker[] {
  return refusalsOf(wanted).map(({ object, reason }) => blocker(object, reason, hint));
}

/** What processes may do that those of a plain user may not, or have to be kept from. */
export function checkPowers({ seccomp, capabilities }: Wanted): Blocker[] {
  const found: Blocker[] = [];
  const remedy = 'run receive as root';
  if (seccomp && !may('ptrace-suspend-seccomp'))
    found.push(
      blocker('seccomp filters', 'only CAP_SYS_ADMIN lets godwit install those of the tree', remedy),
    );
  if (capabilities && isInside()) {
    const reason = 'the tree has some, and receive, which has none itself, cannot give them';
    found.push(blocker('capabilities', reason, remedy));
  }
  return found;
}

function thisAgent(): Restorer {
  const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  return {
    uid,
    gid,
    groups: ownGroups(),
    setuid: hasCapability('setuid'),
    setgid: hasCapability('setgid'),
  };
}

function namesOf(groups: readonly number[]): string {
  return [...new Set(groups)].sort((a, b) => a - b).join(' ') || 'none';
}

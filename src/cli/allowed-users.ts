// --allow-user, --allow-root of receive: whose trees it takes.
import { spawnSync } from 'node:child_process';
import { GodwitError } from '../errors.ts';
import type { Allowed, AllowedUser } from '../target/security/allowed.ts';

export interface AllowedArguments {
  readonly 'allow-user': readonly string[];
  readonly 'allow-root': boolean;
}

export const allowedOptions = {
  'allow-user': {
    type: 'string',
    array: true,
    requiresArg: true,
    default: [] as string[],
    describe:
      'a user whose processes may be brought, with the rights and groups that it has here; by name or ID',
  },
  'allow-root': {
    type: 'boolean',
    default: false,
    describe: 'take processes of every user, root included: whoever may bring them rules this host',
  },
} as const;

/** Without options: those of the user that receive runs as, unless that is root. @throws GodwitError USAGE: there is no such user */
export function parseAllowedUsers(args: AllowedArguments): Allowed {
  const root = args['allow-root'];
  if (root && args['allow-user'].length > 0)
    throw new GodwitError('USAGE', '--allow-root takes the processes of all users already');
  const own = process.geteuid?.() ?? 0;
  const users = args['allow-user'].map(lookUp);
  if (users.some(({ uid }) => uid === 0))
    throw new GodwitError('USAGE', '--allow-user takes no root', { hint: 'say so plainly: --allow-root' });
  // What a plain user may bring the kernel decides, which knows the groups of this process better than a database does.
  if (own !== 0) return { root: true, users: [] };
  return { root, users };
}

function lookUp(name: string): AllowedUser {
  const ask = (what: string): string[] => {
    const { status, stdout } = spawnSync('id', [what, '--', name], { encoding: 'utf8' });
    return status === 0 ? stdout.trim().split(' ') : [];
  };
  const [uid] = ask('-u');
  const groups = [...ask('-g'), ...ask('-G')].map(Number);
  if (uid === undefined || groups.length === 0)
    throw new GodwitError('USAGE', `--allow-user ${name}: there is no such user here`, {
      hint: `see "id ${name}"`,
    });
  return { uid: Number(uid), groups: [...new Set(groups)] };
}

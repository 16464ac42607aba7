// Whose processes this target takes (receive --allow-user, --allow-root). Root's, and whatever makes a process more than a plain one, only
// where that was said; of all others only what the users could do here by themselves: no other IDs anywhere in what arrives, and no
// path that they could not open (as-user.ts).
import { GodwitError } from '../../errors.ts';
import type { Requirements } from '../../images/requirements.ts';
import type { ResourceKind } from '../../images/resources/registry.ts';
import type { TreeState } from '../../images/state.ts';

export interface AllowedUser {
  readonly uid: number;
  /** The first one and all others, as this host knows them. */
  readonly groups: readonly number[];
}

export interface Allowed {
  /** Everything of everybody. */
  readonly root: boolean;
  readonly users: readonly AllowedUser[];
}

const everything: Allowed = { root: true, users: [] };
const argument = '--allowed=';

/** How the daemon tells a worker: "root", or "1000:100.27,33:33" (a user, its groups). */
export function allowedArgument({ root, users }: Allowed): string {
  const each = users.map(({ uid, groups }) => `${uid}:${groups.join('.')}`);
  return argument + (root ? 'root' : each.join(','));
}

export function parseAllowed(argv: readonly string[]): Allowed {
  const text = argv.find((arg) => arg.startsWith(argument))?.slice(argument.length);
  if (text === undefined || text === 'root') return everything;
  const users = text.split(',').filter((one) => one !== '').map((one) => {
    const [uid = '', groups = ''] = one.split(':');
    return { uid: Number(uid), groups: groups.split('.').map(Number) };
  }); // prettier-ignore
  return { root: false, users };
}

let known: Allowed | undefined;

/** Of this worker; a process that no daemon has started asks nobody. */
export function allowed(): Allowed {
  known ??= parseAllowed(process.argv);
  return known;
}

/** Kinds that only a privileged process can have made, or whose making here is a privilege. */
const privileged: ReadonlySet<ResourceKind> = new Set(['fanotify', 'raw']);

interface Reason {
  readonly object: string;
  readonly reason: string;
}

/** Of what the source says in advance. */
export function refusalsOf(
  wanted: Pick<
    Requirements,
    | 'uids'
    | 'gids'
    | 'groups'
    | 'capabilities'
    | 'rawSockets'
    | 'fanotify'
    | 'addresses'
    | 'network'
    | 'forwarding'
  >,
  policy: Allowed = allowed(),
): Reason[] {
  if (policy.root) return [];
  const ids = idsOf(policy);
  const named = (what: string, own: ReadonlySet<number>, found: readonly number[]): Reason[] =>
    [...new Set(found)]
      .filter((id) => !own.has(id))
      .map((id) => ({ object: `${what} ${id}`, reason: `receive takes no processes of this ${what}` }));
  const special = (is: boolean, object: string): Reason[] =>
    is ? [{ object, reason: 'receive takes what a plain user can make only' }] : [];
  return [
    ...named('user', ids.uids, wanted.uids),
    ...named('group', ids.gids, [...wanted.gids, ...wanted.groups.flat()]),
    ...special(wanted.capabilities, 'capabilities'),
    ...special(wanted.rawSockets, 'raw sockets'),
    ...special(wanted.fanotify.length > 0, 'fanotify groups'),
    ...special(wanted.addresses.length > 0, 'addresses that move along'),
    ...special(wanted.network !== undefined, 'a network of its own'),
    ...special(wanted.forwarding !== undefined, 'forwarded connections'),
  ];
}

/** Of what has arrived, whatever was said in advance. @throws GodwitError NOT_ALLOWED */
export function requireAllowed(
  state: TreeState,
  canEnter: (path: string) => boolean,
  policy: Allowed = allowed(),
): void {
  if (policy.root) return;
  const refuse = (what: string): never => {
    throw new GodwitError('NOT_ALLOWED', `the target takes no ${what}`, { hint });
  };
  const ids = idsOf(policy);
  for (const { root, cwd, threads } of state.processes) {
    if (root !== '/') refuse('processes with a root directory of their own');
    if (!canEnter(cwd)) refuse(`processes whose working directory, ${cwd}, their user cannot enter here`);
    for (const { credentials } of threads) {
      const { inheritable, permitted, effective, ambient, groups } = credentials;
      if ((inheritable | permitted | effective | ambient) !== 0n) refuse('capabilities');
      if (groups.some((id) => !ids.gids.has(id)))
        refuse('processes with groups that their users have not here');
    }
  }
  for (const { resource: image } of state.openFiles)
    if (privileged.has(image.kind)) refuse(`open files of kind ${image.kind}`);
  if (state.addresses.length > 0 || state.network !== undefined) refuse('addresses and networks');
  const other = strangerIn(
    [state.processes, state.openFiles, state.queues, state.semaphores, state.layout],
    ids,
  );
  if (other !== undefined) refuse(`processes or objects of ${other}`);
}

export const hint = 'start receive with --allow-root, or with --allow-user for each user of the tree';

interface Ids {
  readonly uids: ReadonlySet<number>;
  readonly gids: ReadonlySet<number>;
}

function idsOf({ users }: Allowed): Ids {
  return {
    uids: new Set(users.map(({ uid }) => uid)),
    gids: new Set(users.flatMap(({ groups }) => groups)),
  };
}

/** IDs of users and groups are called so everywhere in images; `groups` are such where they stand beside one. */
const userNames = new Set(['uid', 'cuid']);
const groupNames = new Set(['gid', 'cgid']);

function strangerIn(value: unknown, ids: Ids): string | undefined {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return undefined;
  const isSomebody = 'uid' in value;
  for (const [name, part] of Object.entries(value)) {
    const isGroup = groupNames.has(name) || (name === 'groups' && isSomebody);
    const own = userNames.has(name) ? ids.uids : isGroup ? ids.gids : undefined;
    const numbers = own === undefined ? [] : [part].flat().filter((one) => typeof one === 'number');
    for (const id of numbers) if (own?.has(id) === false) return `${isGroup ? 'group' : 'user'} ${id}`;
    const deeper = strangerIn(part, ids);
    if (deeper !== undefined) return deeper;
  }
  return undefined;
}

// Which namespaces a process may live in.
import type { Blocker } from '../images/requirements.ts';
import { blocker } from './blocker.ts';
import { isSameInside, readIdMap } from '../kernel/proc/id-map.ts';
import { readNamespaces } from '../kernel/proc/ns.ts';
import { readStat } from '../kernel/proc/stat.ts';
import { readStatus } from '../kernel/proc/status.ts';

/**
 * The tree may live in another PID or time namespace, and all of it in another network (network/survey-network.ts); the others must be
 * the agent's. `network`: inode of the root's.
 */
export function surveyNamespaces(name: string, pid: number, network: number | undefined): Blocker[] {
  const own = readNamespaces('self');
  const its = readNamespaces(pid);
  if (own === undefined || its === undefined) return [];
  if (its.net !== undefined && network !== undefined && its.net !== network)
    return [
      blocker(name, 'it lives in another network namespace than the root of the tree', 'move its tree alone'),
    ];
  return (
    (['ipc', 'uts', 'user', 'cgroup'] as const)
      // A process on its way out has none any more.
      .filter((kind) => its[kind] !== undefined && own[kind] !== its[kind])
      .filter((kind) => kind !== 'user' || !hasSameUsers(pid))
      .map((kind) =>
        blocker(
          name,
          `it lives in another ${kind} namespace than godwit`,
          'run migrate inside the same container or namespace',
        ),
      )
  );
}

/**
 * A user namespace that receive has made for a plain user (kernel/user-namespace.ts) may be left: the process has no capability in it, and
 * the same IDs as outside. Its supplementary groups cannot be seen from inside. Namespaces of others are sandboxes.
 */
function hasSameUsers(pid: number): boolean {
  if (!isOfKeeper(pid)) return false;
  const status = readStatus(pid);
  const [uids, gids] = [readIdMap(pid, 'uid_map'), readIdMap(pid, 'gid_map')];
  if (status === undefined || uids === undefined || gids === undefined) return true; // it is gone
  return (
    status.capPrm === 0n &&
    status.uid.every((id) => isSameInside(uids, id)) &&
    status.gid.every((id) => isSameInside(gids, id))
  );
}

/** Whether its user namespace is that of the keeper, or the init, that it has come with. */
function isOfKeeper(pid: number): boolean {
  for (let stat = readStat(pid); stat !== undefined && stat.pid > 1; stat = readStat(stat.ppid))
    if (stat.comm === 'godwit-init' || stat.comm === 'godwit-keeper')
      return readNamespaces(stat.pid)?.user === readNamespaces(pid)?.user;
  return false;
}

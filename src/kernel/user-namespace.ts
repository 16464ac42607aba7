// A plain user cannot choose PIDs, make namespaces or a /proc for them. In a user namespace of its own a process can, and what it restores
// lives in there: with the same IDs, for each is mapped to itself (native/keeper/user_namespace.h).
import { GodwitError } from '../errors.ts';
import { native } from '../native.ts';
import { keepStandardStreams } from './close-on-exec.ts';
import { keeperPath } from './keeper-process.ts';
import { errnoName } from './program.ts';
import { hasCapability, isInside, outerGroups, ownGroups } from './rights.ts';

/** Executes this very command again inside, where it is needed. @throws GodwitError UNSUPPORTED */
export function enterUserNamespace(): void {
  // Root of a container without rights goes on as it is: what it lacks the check names.
  if (process.geteuid?.() === 0 || isInside() || isEnough()) return;
  process.env[outerGroups] = ownGroups().join(','); // execv(3) hands it on
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  keepStandardStreams(); // receive prints its key there
  const result = native.execute(keeperPath(), ['--in-user-namespace', ...again]);
  throw new GodwitError('UNSUPPORTED', `cannot enter a user namespace: ${errnoName(result)}`, {
    hint: 'run receive as root',
  });
}

/** PIDs can be chosen, and processes be given their users, groups, securebits and bounding sets. */
function isEnough(): boolean {
  const chooses = hasCapability('sysAdmin') || hasCapability('checkpointRestore');
  return chooses && hasCapability('setuid') && hasCapability('setgid') && hasCapability('setpcap');
}

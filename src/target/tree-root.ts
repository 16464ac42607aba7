// A PID namespace of its own comes with a mount namespace of its own, for its /proc. A file that the agent opened by its own mounts
// belongs to no mount of the tree: linkat(2) on it fails with EXDEV, and getcwd(2) after fchdir(2) says "(unreachable)" (Linux 6.18).
import { closeSync, constants, openSync, readlinkSync } from 'node:fs';
import { runLocal } from '../kernel/local-program.ts';
import { Program } from '../kernel/program.ts';
import { asUser } from './security/as-user.ts';

/** RESOLVE_IN_ROOT, openat2(2), Linux 5.6: symbolic links too lead nowhere else. */
const resolveInRoot = 0x10;
const openHowSize = 24;
const openPath = 0o10000000;
/** O_PATH, O_NOFOLLOW, O_DIRECTORY, O_CLOEXEC: openat(2) ignores all others beside O_PATH, openat2(2) refuses them. */
const pathFlags = 0o12600000;
const atFdcwd = -100;

/** A directory of the agent's under which names mean what they mean to the tree; undefined: the tree has the agent's mounts. */
export type TreeRoot = number | undefined;

/** Asks a shell. Preconditions: it has not changed its root directory yet. */
export function openTreeRoot(pid: number): TreeRoot {
  const isSame = readlinkSync(`/proc/${pid}/ns/mnt`) === readlinkSync('/proc/self/ns/mnt');
  return isSame ? undefined : openSync(`/proc/${pid}/root`, openPath | constants.O_DIRECTORY);
}

export function closeTreeRoot(root: TreeRoot): void {
  if (root !== undefined) closeSync(root);
}

/** Opens an absolute path by the mounts of the tree. Returns the agent's descriptor, or a negative errno. */
export function openIn(root: TreeRoot, path: string, flags: number, mode = 0): number {
  const program = new Program();
  const name = program.cstring(path);
  if (root === undefined) {
    const fd = program.attempt('openat', atFdcwd, name, flags, mode);
    return asUser(() => runLocal(program).number(fd));
  }
  const kept = (flags & openPath) === 0 ? flags : flags & pathFlags;
  const fd = program.attempt('openat2', root, name, program.words(kept, mode, resolveInRoot), openHowSize);
  return asUser(() => runLocal(program).number(fd));
}

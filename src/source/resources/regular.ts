// Regular files: found again by a name that leads to them, checked by identity, at the same position.
import type { DumpContext, DriverContext, Refusal, SourceDriver } from './driver.ts';
import type { OpenFileGroup, SeenFile } from './seen-file.ts';
import { refuse } from './refuse.ts';

const otherLocks = new Map([
  ['POSIX', 'a POSIX record lock (fcntl F_SETLK)'],
  ['OFDLCK', 'an open-file-description lock (fcntl F_OFD_SETLK)'],
  ['LEASE', 'a lease (fcntl F_SETLEASE)'],
  ['DELEG', 'a delegation'],
]);

export const regular: SourceDriver<'regular'> = {
  matches: (file) => file.isNamed && file.stat.isFile() && !isKernelFile(file),

  survey(group, context) {
    const missing = nameless(group, context);
    if (missing !== undefined) return missing;
    return lockRefusal(group);
  },

  dump(group, context) {
    const file = group.first;
    const refusal = lockRefusal(group) ?? nameless(group, context);
    if (refusal !== undefined) throw refuse(file, refusal);
    const index = context.files.add(context.names.nameOf(file) ?? file.path, file.procPath, file.canWrite);
    return { kind: 'regular', file: index, position: file.info.pos, flock: flockOf(group) };
  },
};

/** Files of /proc and /sys: the kernel makes their content up. */
export function isKernelFile(file: SeenFile): boolean {
  return file.link.startsWith('/proc/') || file.link.startsWith('/sys/');
}

function nameless(group: OpenFileGroup, context: DriverContext | DumpContext): Refusal | undefined {
  const file = group.first;
  if (context.names.nameOf(file) !== undefined) return undefined;
  if (file.stat.nlink === 0n) {
    return {
      reason:
        'the file has no name any more (deleted while open, or made with O_TMPFILE), so the target cannot open it',
      remedy: `let the program close it, or give it a name again: ln -L ${file.procPath} /some/path on the same file system`,
    };
  }
  return {
    reason:
      'its name does not lead to it: it was renamed into another directory, or lies in another mount namespace',
    remedy: 'move it back, or run the agent in the mount namespace of the tree (nsenter -m)',
  };
}

function lockRefusal(group: OpenFileGroup): Refusal | undefined {
  const lock = group.holders.flatMap((file) => file.locks).find(({ kind }) => otherLocks.has(kind));
  if (lock === undefined) return undefined;
  return {
    reason: `it holds ${otherLocks.get(lock.kind) ?? lock.kind}, which Godwit does not carry yet`,
    remedy: 'let the program release the lock for the migration; flock(2) locks are carried',
  };
}

/** LOCK_SH 1, LOCK_EX 2; flock(2) locks belong to the open file, so that any of its descriptors shows them. */
function flockOf(group: OpenFileGroup): number {
  const lock = group.first.locks.find(({ kind }) => kind === 'FLOCK');
  if (lock === undefined) return 0;
  return lock.type === 'WRITE' ? 2 : 1;
}

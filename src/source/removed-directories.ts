// Directories that were removed while they are in use. Linux marks their names and leaves them without a link; file systems that count no
// links of directories (btrfs: always 1) leave them without the name.
import { existsSync, type BigIntStats } from 'node:fs';
import type { RemovedDirectory } from '../images/removed-directory.ts';

const mark = ' (deleted)';

/** `link`: of /proc/PID/cwd, root or fd. */
export function isRemoved(link: string): boolean {
  return link.endsWith(mark) && !existsSync(link);
}

/** The name that it had. */
export function nameOfRemoved(link: string): string {
  return link.slice(0, -mark.length);
}

export function describeRemoved({ dev, ino, mode, uid, gid }: BigIntStats): RemovedDirectory {
  // Inode numbers are unique on their device only.
  const id = BigInt.asUintN(64, (dev << 40n) ^ ino);
  return { id, mode: Number(mode) & 0o7777, uid: Number(uid), gid: Number(gid) };
}

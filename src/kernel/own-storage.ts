// Whether a file lies on storage that no other host can have mounted. Inode numbers prove nothing there: hosts made from one image
// have equal ones.
import { statfsSync } from 'node:fs';

/** statfs(2), f_type: ext2/3/4, xfs, btrfs, f2fs, zfs, tmpfs, ramfs, overlayfs, squashfs, erofs, hugetlbfs. */
const ownTypes: ReadonlySet<number> = new Set([
  0xef53, 0x58465342, 0x9123683e, 0xf2f52010, 0x2fc12fc1, 0x01021994, 0x858458f6, 0x794c7630, 0x73717368,
  0xe0f5e1e2, 0x958458f6,
]);

/** False also for what cannot be told. */
export function isOwnStorage(path: string): boolean {
  try {
    return ownTypes.has(statfsSync(path).type);
  } catch {
    return false;
  }
}

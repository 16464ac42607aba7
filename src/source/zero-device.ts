// Private mappings of /dev/zero: anonymous memory, which maps shows under the name of the device (drivers/char/mem.c, mmap_zero).
import { statSync } from 'node:fs';
import { linkOfMapping } from '../kernel/mapped-file.ts';
import type { Vma } from '../kernel/proc/maps.ts';
import { unlessGone } from './resources/unless-gone.ts';

/** makedev(1, 5), Documentation/admin-guide/devices.txt */
const zeroDevice = 0x105n;

/** The name alone proves nothing: the process may have another root. */
export function isZeroDevice(pid: number, vma: Vma): boolean {
  if (vma.path !== '/dev/zero' || vma.shared || vma.deleted || vma.inode === 0) return false;
  const stat = unlessGone(() => statSync(linkOfMapping(pid, vma), { bigint: true }));
  return stat?.isCharacterDevice() === true && stat.rdev === zeroDevice;
}

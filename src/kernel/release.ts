// The version of the kernel that runs here, for what cannot be found out by trying.
import { release } from 'node:os';

/** Whether it is this version or a later one. Repairs that came back to older series are not known. */
export function isLinux(major: number, minor: number, here = release()): boolean {
  const [hereMajor = 0, hereMinor = 0] = here.split(/[.-]/).map(Number);
  return hereMajor > major || (hereMajor === major && hereMinor >= minor);
}

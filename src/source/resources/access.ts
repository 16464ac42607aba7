// Whose an inode without a name is, and who may open it again by /proc/PID/fd: of pipes, sockets and memfds, which fchown(2) and
// fchmod(2) change like any other.
import type { OpenFile } from '../../images/state.ts';
import type { SeenFile } from './seen-file.ts';

const permissions = 0o7777n;

/** Undefined: it has a name, which says so, or is of a kind that all share one inode of. */
export function readAccess({ link, stat }: Pick<SeenFile, 'link' | 'stat'>): OpenFile['access'] {
  if (!/^(pipe:|socket:|\/memfd:)/.test(link)) return undefined;
  return { uid: Number(stat.uid), gid: Number(stat.gid), mode: Number(stat.mode & permissions) };
}

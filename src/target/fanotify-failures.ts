// What is said when a fanotify group, or one of its marks, cannot be made here.
import { errnoName } from '../kernel/program.ts';
import type { Mark } from './fanotify-group.ts';

export interface Words {
  readonly reason: string;
  readonly remedy: string;
}

const asRoot = 'run receive as root';

export function groupFailure(errno: number): Words {
  const name = errnoName(errno);
  if (name === 'EPERM')
    return { reason: 'making it takes CAP_SYS_ADMIN in the first user namespace', remedy: asRoot };
  if (name === 'EINVAL' || name === 'ENOSYS')
    return {
      reason: `this kernel knows no such groups: ${name}`,
      remedy: 'boot the same kernel, built alike, on both hosts',
    };
  if (name === 'EMFILE')
    return {
      reason: 'this user has too many groups already',
      remedy: 'raise fs.fanotify.max_user_groups here',
    };
  return { reason: `it cannot be made: ${name}`, remedy: 'see fanotify_init(2)' };
}

export function markFailure(mark: Mark, errno: number): Words {
  const name = errnoName(errno);
  const what = `the mark on ${objectText(mark)}`;
  if (name === 'EPERM' || name === 'EACCES')
    return { reason: `${what} takes CAP_SYS_ADMIN, or the right to read it: ${name}`, remedy: asRoot };
  if (name === 'ENOENT' || name === 'ENOTDIR')
    return { reason: `${what} has nothing to be on: ${name}`, remedy: 'make it, or mount the same storage' };
  if (name === 'ENOSPC')
    return { reason: `${what} is one too many`, remedy: 'raise fs.fanotify.max_user_marks here' };
  if (['EXDEV', 'ENODEV', 'EOPNOTSUPP'].includes(name))
    return {
      reason: `${what} is on a file system that this kernel does not let it watch: ${name}`,
      remedy: 'mount a file system of the same kind there',
    };
  if (name === 'EINVAL')
    return {
      reason: `this kernel does not take ${what}: ${name}`,
      remedy: 'boot the same kernel, built alike, on both hosts',
    };
  return { reason: `${what} cannot be made: ${name}`, remedy: 'see fanotify_mark(2)' };
}

export function objectText({ object }: Pick<Mark, 'object'>): string {
  if (object.on === 'namespace') return 'the mount namespace';
  const kinds = { inode: '', mount: 'the mount at ', filesystem: 'the file system at ' };
  return `${kinds[object.on]}${object.path}`;
}

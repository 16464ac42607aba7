// Open directories, with how far they were read.
import { statSync } from 'node:fs';
import { describeRemoved } from '../removed-directories.ts';
import type { SourceDriver } from './driver.ts';
import { refuse } from './refuse.ts';
import { isKernelFile } from './seen-file.ts';
import type { OpenFileGroup, SeenFile } from './seen-file.ts';
import { unlessGone } from './unless-gone.ts';
import type { DriverContext, Refusal } from './driver.ts';

export const directory: SourceDriver<'directory'> = {
  matches: (file) =>
    file.isNamed && file.stat.isDirectory() && (!isKernelFile(file) || !/^\/(proc|sys)\/./.test(file.link)),
  survey: gone,
  dump(group, context) {
    const refusal = gone(group, context);
    if (refusal !== undefined) throw refuse(group.first, refusal);
    const { path, info, stat, isDeleted } = group.first;
    const removed = isDeleted ? { removed: describeRemoved(stat) } : {};
    return { kind: 'directory', path, position: info.pos, ...removed };
  },
};

/** Each PID namespace has a /proc of its own: that of the tree may be another directory than the agent's. */
function isOwnProc({ link, stat, process }: SeenFile): boolean {
  if (link !== '/proc') return false;
  const own = unlessGone(() => statSync(`/proc/${process.pid}/root/proc`, { bigint: true }));
  return own?.dev === stat.dev && own.ino === stat.ino;
}

function gone({ first }: OpenFileGroup, { names }: DriverContext): Refusal | undefined {
  if (isOwnProc(first)) return undefined;
  // A removed directory has no other name: directories have one link.
  if (first.isDeleted || names.nameOf(first) === first.path) return undefined;
  return {
    reason: 'the directory lies in another mount namespace',
    remedy: 'let the program leave it, or run the agent in the mount namespace of the tree (nsenter -m)',
  };
}

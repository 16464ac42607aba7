// Symbolic links that are open themselves (O_PATH | O_NOFOLLOW): a name, and what the link says.
import { lstatSync, readlinkSync } from 'node:fs';
import type { Refusal, SourceDriver } from './driver.ts';
import { refuse } from './refuse.ts';
import { isKernelFile, type SeenFile } from './seen-file.ts';

export const link: SourceDriver<'link'> = {
  matches: (file) => file.isNamed && file.stat.isSymbolicLink() && !isKernelFile(file),
  survey: ({ first }) => missing(first),
  dump({ first }) {
    const refusal = missing(first);
    if (refusal !== undefined) throw refuse(first, refusal);
    return { kind: 'link', path: first.path, content: readlinkSync(first.path) };
  },
};

function missing(file: SeenFile): Refusal | undefined {
  const { stat } = file;
  const named = lstatSync(file.path, { bigint: true, throwIfNoEntry: false });
  if (named?.ino === stat.ino && named.dev === stat.dev) return undefined;
  return {
    reason: 'the symbolic link was removed or renamed',
    remedy: 'put it back, or let the program close it',
  };
}

// Regular files: found again by a name that leads to them, checked by identity, at the same position.
import type { DumpContext, DriverContext, Refusal, SourceDriver } from './driver.ts';
import { isKernelFile, type OpenFileGroup } from './seen-file.ts';
import { refuse } from './refuse.ts';

export const regular: SourceDriver<'regular'> = {
  matches: (file) => file.isNamed && file.stat.isFile() && !isKernelFile(file) && !file.isNameless,

  survey(group, context) {
    return misnamed(group, context);
  },

  dump(group, context) {
    const file = group.first;
    const refusal = misnamed(group, context);
    if (refusal !== undefined) throw refuse(file, refusal);
    const index = context.files.add(context.names.nameOf(file) ?? file.path, file.procPath, file.canWrite);
    return { kind: 'regular', file: index, position: file.info.pos };
  },
};

function misnamed(group: OpenFileGroup, context: DriverContext | DumpContext): Refusal | undefined {
  const file = group.first;
  if (context.names.nameOf(file) !== undefined) return undefined;
  return {
    reason:
      'its name does not lead to it: it was renamed into another directory, or lies in another mount namespace',
    remedy: 'move it back, or run the agent in the mount namespace of the tree (nsenter -m)',
  };
}

// Unix sockets: all of them are made together when the first is opened, since one half of a pair brings the other.
import type { OpenContext, TargetDriver } from './driver.ts';
import { UnixRestore } from './unix-restore.ts';
import { GodwitError } from '../../errors.ts';

const sharedKey = {};

export const unix: TargetDriver<'unix'> = {
  open(_, { id }, context) {
    const fds = context.shared(sharedKey, () => restoreAll(context));
    const fd = fds.get(id);
    if (fd === undefined) throw new GodwitError('INTERNAL', `unix socket ${id} was not made`);
    return fd;
  },
};

function restoreAll(context: OpenContext): ReadonlyMap<number, number> {
  const sockets = context.openFiles.flatMap(({ id, resource }) =>
    resource.kind === 'unix' ? [{ id, image: resource }] : [],
  );
  return new UnixRestore(sockets, context).run();
}

// Unix sockets: all of them are made together when the first is opened, since one half of a pair brings the other,
// and filled when everything is open.
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
  const restore = new UnixRestore(sockets, context);
  const fds = restore.make();
  // Whatever is in flight in them has to be open before it can be sent.
  context.whenOpen((fdOf) => {
    restore.fill(fdOf);
  });
  return fds;
}

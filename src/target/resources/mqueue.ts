// POSIX message queues: all of them are made at once, for an unlinked one may have had the name of another.
import { asGodwitError, GodwitError } from '../../errors.ts';
import type { QueueContent } from '../../images/resources/mqueue.ts';
import type { ResourceImage } from '../../images/resources/registry.ts';
import type { OpenFile } from '../../images/state.ts';
import { openQueue, registerForNothing, unlinkQueue } from '../../kernel/message-queues.ts';
import { errnoName, Program } from '../../kernel/program.ts';
import { fillQueue, makeQueue, makingFailed } from '../message-queues.ts';
import type { OpenContext, TargetDriver } from './driver.ts';
import { seek } from './local-files.ts';

type QueueFile = OpenFile & { readonly resource: ResourceImage<'mqueue'> };

const sharedKey = {};
const alreadyThere = 17; // EEXIST

export const mqueue: TargetDriver<'mqueue'> = {
  open({ name, position }, { id }, context) {
    const fds = context.shared(sharedKey, () => makeAll(context));
    const fd = fds.get(id);
    if (fd === undefined)
      throw new GodwitError('PROTOCOL', `the source named message queue ${name} without its form`);
    seek(fd, position, name);
    return fd;
  },

  connect({ content }, _file, context) {
    if (content?.notify === undefined) return;
    // After it was filled: the first message would use it up.
    const program = new Program();
    registerForNothing(program, content.notify.fd);
    context.runner(content.notify.pid).run(program);
  },
};

/** The agent's descriptors by open file. */
function makeAll(context: OpenContext): Map<number, number> {
  const files = context.openFiles.filter((file): file is QueueFile => file.resource.kind === 'mqueue');
  const queues = new Map<bigint, QueueFile[]>();
  for (const file of files) {
    const list = queues.get(file.resource.queue);
    if (list === undefined) queues.set(file.resource.queue, [file]);
    else list.push(file);
  }
  const isUnlinked = ([first]: readonly QueueFile[]): boolean => first?.resource.unlinked === true;
  const all = [...queues.values()];
  const fds = new Map<number, number>();
  for (const list of [...all.filter(isUnlinked), ...all.filter((one) => !isUnlinked(one))])
    make(list, context, fds);
  return fds;
}

function make(files: readonly QueueFile[], context: OpenContext, fds: Map<number, number>): void {
  const { resource } = files[0] ?? {};
  const content = files.find((file) => file.resource.content !== undefined)?.resource.content;
  if (resource === undefined || content === undefined) return;
  const { name, unlinked, queue } = resource;
  // An unlinked queue whose name somebody else has by now gets another one, for a moment.
  const spare = `/godwit-${process.pid}-${queue}`;
  const first = tryMake(name, content, context);
  const isTaken = unlinked && first.fd === -alreadyThere;
  const [made, used] = isTaken ? [tryMake(spare, content, context), spare] : [first, name];
  if (made.fd < 0) {
    const [reason, hint] = makingFailed(made.fd, { ...content, name });
    throw new GodwitError('REFUSED', `message queue ${name}: ${reason}`, { hint });
  }
  context.closeLater(made.fd);
  for (const { id, flags } of files) fds.set(id, openAgain(used, flags));
  fillQueue(made.fd, content);
  if (!unlinked) return;
  unlinkQueue(used);
  made.forget();
}

interface Made {
  /** Or a negative errno. */
  readonly fd: number;
  /** Its name is no longer ours to take back. */
  readonly forget: () => void;
}

function tryMake(name: string, content: QueueContent, { undo }: OpenContext): Made {
  const nothing = (): void => undefined;
  let forget: () => void;
  try {
    forget = undo.add({ kind: 'mqueue', name });
  } catch (error) {
    const { cause } = asGodwitError(error);
    const errno = typeof cause === 'object' && cause !== null && 'errno' in cause ? Number(cause.errno) : 0;
    if (errno !== alreadyThere) throw error;
    return { fd: -errno, forget: nothing };
  }
  const fd = makeQueue({ ...content, name });
  if (fd >= 0) return { fd, forget };
  forget();
  return { fd, forget: nothing };
}

/** With the flags that it has: access mode, O_NONBLOCK. */
function openAgain(name: string, flags: number): number {
  const fd = openQueue(name, flags);
  if (fd >= 0) return fd;
  throw new GodwitError('REFUSED', `message queue ${name} cannot be opened on the target: ${errnoName(fd)}`);
}

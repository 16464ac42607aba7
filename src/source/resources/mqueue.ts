// POSIX message queues: what waits in one is taken out and put back by the keeper, in the freeze alone. A registration of mq_notify(3)
// is shown by the kernel but for the value that its signal carries.
import { mostMessageBytes, type QueueContent } from '../../images/resources/mqueue.ts';
import { errnoName, Program } from '../../kernel/program.ts';
import { queueStatus, registerForNothing, type QueueMessage } from '../../kernel/message-queues.ts';
import { share } from '../sharing.ts';
import type { DriverContext, DumpContext, Refusal, SourceDriver } from './driver.ts';
import {
  factsOf,
  isElsewhere,
  isOpenQueue,
  isUnlinked,
  openFilesOf,
  queueKey,
  queueName,
  together,
  withQueue,
  type QueueFacts,
} from './mqueue-facts.ts';
import { heldOutside } from './queue-names.ts';
import { refuse } from './refuse.ts';
import type { SeenFile } from './seen-file.ts';

const sigevSignal = 0;
const sigevNone = 1;

export const mqueue: SourceDriver<'mqueue'> = {
  matches: isOpenQueue,

  survey(group, context) {
    const { first } = group;
    if (openFilesOf(first, context.groups)[0]?.id !== group.id) return undefined;
    const holder = context.outside().get(queueKey(first));
    if (holder !== undefined) return heldOutside(holder);
    if (isElsewhere(first)) {
      return {
        reason: 'its name leads to another message queue here, or to none: it is of another IPC namespace',
        remedy: 'let the program close it, or run migrate in that namespace (nsenter -i)',
      };
    }
    const facts = withQueue(first, factsOf);
    return typeof facts === 'number' ? closed(facts) : refusalOf(first, facts, context);
  },

  dump(group, context) {
    const { first } = group;
    const carries = openFilesOf(first, context.groups)[0]?.id === group.id;
    return {
      kind: 'mqueue',
      queue: first.stat.ino,
      name: queueName(first),
      unlinked: isUnlinked(first),
      position: first.info.pos,
      ...(carries ? { content: contentOf(first, context) } : {}),
    };
  },
};

function closed(errno: number): Refusal {
  return {
    reason: `it cannot be opened for reading and writing: ${errnoName(errno)}`,
    remedy: 'run migrate as root, or as its owner',
  };
}

/** What can be seen of a queue that nobody has touched. */
function refusalOf(
  file: SeenFile,
  { bytes, notify }: QueueFacts,
  context: DriverContext,
): Refusal | undefined {
  if (bytes > mostMessageBytes)
    return { reason: `it holds more than ${mostMessageBytes} bytes`, remedy: 'try again when fewer wait' };
  if (file.locks.some(({ kind }) => kind === 'LEASE'))
    return { reason: 'it holds a lease', remedy: 'let the program release it (fcntl F_SETLEASE, F_UNLCK)' };
  if (notify === undefined) return undefined;
  if (notify.how === sigevSignal) {
    return {
      reason: `process ${notify.pid} waits for signal ${notify.signal} at its next message (mq_notify), and the kernel does not show the value that comes with it`,
      remedy: 'let the program take the registration back (mq_notify with NULL), or wait in mq_receive',
    };
  }
  if (notify.how !== sigevNone) {
    return {
      reason: `process ${notify.pid} waits for its next message in a thread (mq_notify), of which a netlink socket is told`,
      remedy: 'let the program take the registration back (mq_notify with NULL), or wait in mq_receive',
    };
  }
  if (registrant(file, notify.pid, context) !== undefined) return undefined;
  return {
    reason: `process ${notify.pid}, which has no descriptor of it in the tree, is registered for its next message`,
    remedy: together,
  };
}

interface Registrant {
  readonly pid: number;
  readonly vpid: number;
  readonly fd: number;
}

/** By a descriptor of the queue that it has, perhaps in one table with others (CLONE_FILES): it alone can register itself again. */
function registrant(file: SeenFile, pid: number, { groups, vpidOf }: DriverContext): Registrant | undefined {
  const vpid = vpidOf(pid);
  const own = openFilesOf(file, groups)
    .flatMap(({ holders }) => holders)
    .find(({ process }) => process.pid === pid || share('descriptors', process.pid, pid));
  return vpid === undefined || own === undefined ? undefined : { pid, vpid, fd: own.fd };
}

function contentOf(file: SeenFile, context: DumpContext): QueueContent {
  const content = withQueue(file, (fd) => {
    const facts = factsOf(fd);
    const refusal = refusalOf(file, facts, context);
    if (refusal !== undefined) throw refuse(file, refusal);
    const owner = facts.notify && registrant(file, facts.notify.pid, context);
    const messages = context.messages?.(fd) ?? [];
    if (owner !== undefined) registerAgain(fd, owner, messages, context);
    const { stat } = file;
    return {
      maxMessages: facts.maxMessages,
      messageSize: facts.messageSize,
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      mode: Number(stat.mode) & 0o7777,
      readAt: stat.atimeNs,
      writtenAt: stat.mtimeNs,
      messages,
      ...(owner === undefined ? {} : { notify: { pid: owner.vpid, fd: owner.fd } }),
    };
  });
  if (typeof content === 'number') throw refuse(file, closed(content));
  return content;
}

/** The first message that was put back into the empty queue has used the registration up, and told nobody. */
function registerAgain(
  fd: number,
  owner: Registrant,
  messages: readonly QueueMessage[],
  { runIn }: DumpContext,
): void {
  if (messages.length === 0 || queueStatus(fd).notify !== undefined) return;
  const program = new Program();
  registerForNothing(program, owner.fd);
  runIn?.(owner.pid, program);
}

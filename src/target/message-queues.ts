// POSIX message queues on this host: made with the name, the form and the owner that the tree knows, and filled.
import type { QueueContent } from '../images/resources/mqueue.ts';
import { runLocal } from '../kernel/local-program.ts';
import { opening, openNonblock, openReadWrite, sendMessage } from '../kernel/message-queues.ts';
import { readLimits } from '../kernel/proc/limits.ts';
import { errnoName, Program } from '../kernel/program.ts';
import { isInside } from '../kernel/rights.ts';

const rlimitMsgqueue = 12;
const unlimited = 0xffff_ffff_ffff_ffffn;
/** Bytes of messages of one program. */
const enough = 256 * 1024;

export interface WantedQueue extends Pick<QueueContent, 'maxMessages' | 'messageSize' | 'uid'> {
  readonly name: string;
}

/**
 * A descriptor of a queue that did not exist before, for its maker alone; a negative errno (mq_open(3)). Room for the messages is
 * charged to the real user of whoever makes it, for the queue's whole life, as far as the maker's own RLIMIT_MSGQUEUE allows
 * (mqueue_get_inode in ipc/mqueue.c): the agent takes the user's number on for a moment, and lets its limit go as high as it may.
 */
export function makeQueue(wanted: WantedQueue): number {
  const uid = process.getuid?.() ?? 0;
  const limit = readLimits('self')?.get('msgqueue');
  const program = new Program();
  const raise = (soft: bigint, hard: bigint): void => {
    program.attempt('prlimit64', 0, rlimitMsgqueue, program.words(soft, hard), 0);
  };
  if (limit !== undefined) {
    raise(limit.hard, limit.hard);
    raise(unlimited, unlimited); // with CAP_SYS_RESOURCE
  }
  // The effective user stays, and with it all capabilities (capabilities(7)).
  if (uid !== wanted.uid) program.attempt('setresuid', wanted.uid, -1, -1);
  const fd = opening(program, wanted.name, openReadWrite | openNonblock, wanted);
  if (uid !== wanted.uid) program.attempt('setresuid', uid, -1, -1);
  if (limit !== undefined) raise(limit.soft, limit.hard);
  return runLocal(program).number(fd);
}

/** Why makeQueue has failed, and what helps. */
export function makingFailed(
  errno: number,
  { maxMessages, messageSize, uid }: WantedQueue,
): [string, string] {
  switch (errnoName(errno)) {
    case 'EEXIST':
      return ['its name is taken here', 'remove it, if nobody needs it (mq_unlink, or rm below /dev/mqueue)'];
    case 'EMFILE':
    case 'ENOMEM':
      return [
        `user ${uid} may not have as much room for messages here`,
        'start receive with a higher limit (ulimit -q, LimitMSGQUEUE= of systemd)',
      ];
    case 'EINVAL':
      return [
        `queues of ${maxMessages} messages of ${messageSize} bytes are not allowed here`,
        `sysctl fs.mqueue.msg_max=${maxMessages} fs.mqueue.msgsize_max=${messageSize}, or run receive with CAP_SYS_RESOURCE`,
      ];
    case 'ENOSPC':
      return ['this host holds as many message queues as it may', 'raise sysctl fs.mqueue.queues_max'];
    default:
      return [`it cannot be made here: ${errnoName(errno)}`, 'run receive as root'];
  }
}

/** Preconditions: the queue is new, everything that the tree has open of it is open. @throws GodwitError REMOTE_CALL */
export function fillQueue(fd: number, content: QueueContent): void {
  let program = new Program();
  for (const message of content.messages) {
    sendMessage(program, fd, message);
    if (program.size < enough) continue;
    runLocal(program, 'message queue');
    program = new Program();
  }
  const { uid, gid, mode, readAt, writtenAt } = content;
  // In a user namespace there is one user, who has it already.
  if (!isInside()) program.call('fchown', fd, uid, gid);
  program.call('fchmod', fd, mode);
  const times = [readAt, writtenAt].flatMap((at) => [at / 1_000_000_000n, at % 1_000_000_000n]);
  program.attempt('utimensat', fd, 0, program.words(...times), 0);
  runLocal(program, 'message queue');
}

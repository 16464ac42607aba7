// What the survey and the freeze look at in a POSIX message queue, without taking anything out of it.
import { closeSync, fstatSync, openSync } from 'node:fs';
import { posix } from 'node:path';
import {
  openNonblock,
  openQueue,
  openReadWrite,
  queueAttributes,
  queueStatus,
  type QueueAttributes,
  type QueueStatus,
} from '../../kernel/message-queues.ts';
import type { Requirements } from '../../images/requirements.ts';
import { errnoName } from '../../kernel/program.ts';
import { closeLocal } from '../../kernel/socket-facts.ts';
import { openPath, type OpenFileGroup, type SeenFile } from './seen-file.ts';

export interface QueueFacts extends QueueAttributes, QueueStatus {}

/** "/name", also where the queue was opened through a mounted file system of type mqueue. */
export function queueName(file: SeenFile): string {
  const path = isUnlinked(file) ? file.link.replace(/ \(deleted\)$/, '') : file.link;
  return `/${posix.basename(path)}`;
}

export function isUnlinked(file: SeenFile): boolean {
  return file.stat.nlink === 0n;
}

/** What keys of queues begin with. */
export const queuePrefix = 'mqueue ';

/** Equal for all open files of a queue, in the tree and outside. */
export function queueKey({ stat }: Pick<SeenFile, 'stat'>): string {
  return `${queuePrefix}${stat.dev}:${stat.ino}`;
}

/**
 * Opens the queue by a descriptor of the process, whatever its access mode and name: the kernel finds it by the link in /proc.
 * A negative errno: it may not be opened, or the process is gone.
 */
export function withQueue<T>(file: SeenFile, use: (fd: number) => T): T | number {
  let fd: number;
  try {
    fd = openSync(file.procPath, openReadWrite | openNonblock);
  } catch (error) {
    const { code, errno = -1 } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') throw error; // it is gone
    return errno;
  }
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

export const together = 'move all processes that use it, as one tree, or end the others';

export function factsOf(fd: number): QueueFacts {
  return { ...queueAttributes(fd), ...queueStatus(fd) };
}

/** The queue has a name, and the name means another one to this agent, or none: it is of another IPC namespace. */
export function isElsewhere(file: SeenFile): boolean {
  if (isUnlinked(file)) return false;
  const fd = openQueue(queueName(file), openNonblock);
  if (fd < 0) return errnoName(fd) === 'ENOENT';
  const { ino, dev } = fstatSync(fd, { bigint: true });
  closeLocal(fd);
  return ino !== file.stat.ino || dev !== file.stat.dev;
}

/** What the target must be able to make. Undefined: not the first open file of its queue, or it may not be opened. */
export function queueRequirement(
  { id, first }: OpenFileGroup,
  groups: readonly OpenFileGroup[],
): Requirements['messageQueues'][number] | undefined {
  if (!isOpenQueue(first) || openFilesOf(first, groups)[0]?.id !== id) return undefined;
  const about = withQueue(first, queueAttributes);
  if (typeof about === 'number') return undefined;
  const { maxMessages, messageSize } = about;
  const name = queueName(first);
  return { name, unlinked: isUnlinked(first), maxMessages, messageSize, uid: Number(first.stat.uid) };
}

/** All open files of a queue. The first one speaks for it. */
export function openFilesOf(file: SeenFile, groups: readonly OpenFileGroup[]): OpenFileGroup[] {
  return groups.filter(
    ({ first }) =>
      first.info.ino === file.info.ino && isOpenQueue(first) && queueKey(first) === queueKey(file),
  );
}

/** Not a mere name of it (O_PATH). */
export function isOpenQueue(file: SeenFile): boolean {
  return file.isMessageQueue && (file.flags & openPath) === 0;
}

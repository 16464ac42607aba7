// One open file of a POSIX message queue (mq_overview(7)). One of a queue's open files carries the queue.
import * as z from 'zod';
import { bytes, fd, i64, list, pid, u32, u64 } from '../scalars.ts';

/** HARD_MSGMAX and HARD_MSGSIZEMAX (mq_overview(7)): what nobody may exceed. */
const mostMessages = 65_536;
const longestMessage = 1 << 24;
/** Bytes of all messages of a tree that a freeze takes along; what waits in a queue counts for the RLIMIT_MSGQUEUE (819,200) of a user. */
export const mostMessageBytes = 1 << 24;

/** With the slash that mq_open(3) wants. */
export const queueNameSchema = z
  .string()
  .regex(/^\/[^/\0\t\n]{1,255}$/)
  .refine((name) => name !== '/.' && name !== '/..', 'a name that no queue can have');

export const queueShape = {
  /** mq_maxmsg and mq_msgsize (bytes). */
  maxMessages: z.number().int().min(1).max(mostMessages),
  messageSize: z.number().int().min(1).max(longestMessage),
  uid: u32,
};

/** Whether the messages fit into the queue the kernel says, when they are put into it. */
export const queueContentSchema = z.strictObject({
  ...queueShape,
  gid: u32,
  mode: z.number().int().min(0).max(0o7777),
  /** Nanoseconds since 1970. */
  readAt: i64,
  writtenAt: i64,
  /** As they are received: the highest priority first. */
  messages: list(
    z.strictObject({
      /** Below MQ_PRIO_MAX. */
      priority: z.number().int().min(0).max(32_767),
      text: bytes(longestMessage),
    }),
    mostMessages,
  ),
  /** Who has registered for the next message, by which descriptor, and to be told nothing (mq_notify(3), SIGEV_NONE). */
  notify: z.strictObject({ pid, fd }).optional(),
});
export type QueueContent = z.infer<typeof queueContentSchema>;

export const mqueueSchema = z.strictObject({
  kind: z.literal('mqueue'),
  /** The source's inode: equal for the open files of one queue. */
  queue: u64,
  name: queueNameSchema,
  /** mq_unlink(3) has taken its name away. */
  unlinked: z.boolean(),
  position: i64,
  content: queueContentSchema.optional(),
});

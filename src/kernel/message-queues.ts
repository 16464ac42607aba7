// POSIX message queues (mq_overview(7)) by the system calls behind mq_open(3) and its kin. They know a queue by its descriptor, or by
// its name in the caller's IPC namespace; names are written here as programs write them: "/name".
import { GodwitError } from '../errors.ts';
import { runLocal } from './local-program.ts';
import { Program } from './program.ts';

/** f_type of statfs(2) (linux/magic.h). */
export const mqueueMagic = 0x1980_0202;
/** What stat(2) says of any queue: as long as what reading it as a file may give (FILENT_SIZE in ipc/mqueue.c). */
export const mqueueFileSize = 80n;
export const openReadWrite = 2;
export const openNonblock = 0o4000;
const create = 0o300; // O_CREAT | O_EXCL
/** struct mq_attr: flags, maxmsg, msgsize, curmsgs, and room for four more. */
const attrLength = 64;
const sigevNone = 1;
/** struct sigevent of x86-64; sigev_notify is its fourth 32-bit word. */
const sigeventLength = 64;
const sigevNotifyAt = 12;

export interface QueueAttributes {
  readonly maxMessages: number;
  /** Bytes. */
  readonly messageSize: number;
  readonly count: number;
}

export interface QueueMessage {
  readonly priority: number;
  readonly text: Uint8Array<ArrayBuffer>;
}

export interface QueueStatus {
  /** Bytes of all messages. */
  readonly bytes: number;
  /** Who has registered by mq_notify(3). `how`: SIGEV_SIGNAL 0, SIGEV_NONE 1, SIGEV_THREAD 2. */
  readonly notify: { readonly how: number; readonly signal: number; readonly pid: number } | undefined;
}

/**
 * The program adds an open; the result is a descriptor, close-on-exec as any of a queue, or a negative errno. O_CLOEXEC itself would show in
 * F_GETFL. `made`: the queue is made, and is nobody's yet.
 */
export function opening(
  program: Program,
  name: string,
  flags: number,
  made?: Pick<QueueAttributes, 'maxMessages' | 'messageSize'>,
): ReturnType<Program['attempt']> {
  const kernelName = program.cstring(name.slice(1)); // the C library takes the slash away
  if (made === undefined) return program.attempt('mq_open', kernelName, flags, 0, 0);
  const attributes = program.words(0, made.maxMessages, made.messageSize, 0, 0, 0, 0, 0);
  return program.attempt('mq_open', kernelName, flags | create, 0o600, attributes);
}

/** A descriptor of the agent, or a negative errno. */
export function openQueue(name: string, flags: number): number {
  const program = new Program();
  const fd = opening(program, name, flags);
  return runLocal(program).number(fd);
}

export function unlinkQueue(name: string): void {
  const program = new Program();
  program.attempt('mq_unlink', program.cstring(name.slice(1)));
  runLocal(program);
}

/** @throws GodwitError REMOTE_CALL */
export function queueAttributes(fd: number): QueueAttributes {
  const program = new Program();
  const about = program.room(attrLength);
  program.call('mq_getsetattr', fd, 0, about);
  const [, maxMessages = 0n, messageSize = 0n, count = 0n] = runLocal(program, 'message queue').words(about);
  return { maxMessages: Number(maxMessages), messageSize: Number(messageSize), count: Number(count) };
}

/** Of a descriptor that may be read, which need not be at its start. @throws GodwitError REMOTE_CALL, UNSUPPORTED */
export function queueStatus(fd: number): QueueStatus {
  const program = new Program();
  const text = program.room(128);
  const got = program.call('pread64', fd, text, 128, 0);
  const outcome = runLocal(program, 'message queue');
  return parseQueueStatus(Buffer.from(outcome.bytes(text)).toString('latin1', 0, outcome.number(got)));
}

/** Pure: what reading a queue as a file gives, mq_overview(7). @throws GodwitError UNSUPPORTED */
export function parseQueueStatus(text: string): QueueStatus {
  const seen = /^QSIZE:(\d+)\s+NOTIFY:(\d+)\s+SIGNO:(\d+)\s+NOTIFY_PID:(\d+)/.exec(text);
  if (seen === null)
    throw new GodwitError('UNSUPPORTED', `this kernel says something else of a message queue: ${text}`);
  const [bytes = 0, how = 0, signal = 0, pid = 0] = seen.slice(1).map(Number);
  return { bytes, notify: pid === 0 && how === 0 && signal === 0 ? undefined : { how, signal, pid } };
}

/** A program that sends one, as whoever runs it. Preconditions: the descriptor does not block. */
export function sendMessage(program: Program, fd: number, { priority, text }: QueueMessage): void {
  program.call('mq_timedsend', fd, program.bytes(text), text.length, priority, 0);
}

/** A program that registers whoever runs it, to be told nothing. */
export function registerForNothing(program: Program, fd: number): void {
  const event = new Uint8Array(sigeventLength);
  new DataView(event.buffer).setInt32(sigevNotifyAt, sigevNone, true);
  program.call('mq_notify', fd, program.bytes(event));
}

/** What the keeper gives (native/keeper/message_queue.h). @throws GodwitError INTERNAL */
export function decodeMessages(bytes: Uint8Array<ArrayBuffer>): QueueMessage[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 4;
  const messages = Array.from({ length: view.getUint32(0, true) }, (): QueueMessage => {
    const [priority, length] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    at += 8 + length;
    return { priority, text: bytes.slice(at - length, at) };
  });
  if (at !== bytes.length)
    throw new GodwitError('INTERNAL', 'the keeper gave something else than what waits in a message queue');
  return messages;
}

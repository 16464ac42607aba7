// System V message queues from outside: what msgctl(2) tells of one, and copies of its messages.
import { runLocal } from './local-program.ts';
import { errnoName, Program } from './program.ts';

/** struct msqid64_ds of x86-64: struct ipc64_perm first. */
export const msqidLength = 120;
export const msqidField = { uid: 4, gid: 8, mode: 20, used: 72, count: 80, room: 88 } as const;
export const ipcSet = 1;
const ipcStat = 2;
export const ipcNowait = 0o4000;
/** Copies the message at a place of the queue and leaves it there (Linux 3.8, CONFIG_CHECKPOINT_RESTORE). */
const msgCopy = 0o40000;

export interface QueueState {
  /** Bytes and messages that wait, and bytes that fit. */
  readonly used: number;
  readonly count: number;
  readonly room: number;
}

/** undefined: it is gone, or not ours to look at. */
export function queueState(id: number): QueueState | undefined {
  const program = new Program();
  const about = program.room(msqidLength);
  const result = program.attempt('msgctl', id, ipcStat, about);
  const outcome = runLocal(program);
  if (outcome.number(result) < 0) return undefined;
  const view = outcome.view(about);
  const word = (at: number): number => Number(view.getBigUint64(at, true));
  return { used: word(msqidField.used), count: word(msqidField.count), room: word(msqidField.room) };
}

export interface Message {
  readonly type: bigint;
  readonly text: Uint8Array<ArrayBuffer>;
}

/** The message at a place, counted from the oldest; a negative errno (ENOMSG: there is none, ENOSYS: this kernel cannot). */
export function copyMessage(id: number, place: number, atMost: number): Message | number {
  const program = new Program();
  const room = program.room(8 + atMost);
  const result = program.attempt('msgrcv', id, room, atMost, place, ipcNowait | msgCopy);
  const outcome = runLocal(program);
  const length = outcome.number(result);
  if (length < 0) return length;
  const type = outcome.view(room).getBigInt64(0, true);
  return { type, text: outcome.bytes(room).slice(8, 8 + length) };
}

/** A program that sends one, as whoever runs it. */
export function sending(id: number, { type, text }: Message): Program {
  const program = new Program();
  const message = new Uint8Array(8 + text.length);
  new DataView(message.buffer).setBigInt64(0, type, true);
  message.set(text, 8);
  program.call('msgsnd', id, program.bytes(message), text.length, ipcNowait);
  return program;
}

/** "ENOSYS" and what it means. */
export function copyProblem(errno: number): string {
  const name = errnoName(errno);
  return name === 'ENOSYS' ? 'this kernel does not let messages be copied (CONFIG_CHECKPOINT_RESTORE)' : name;
}

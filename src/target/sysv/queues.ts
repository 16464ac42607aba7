// System V message queues on this host: made with the IDs that the tree knows them by, filled with their messages.
import { asGodwitError, GodwitError } from '../../errors.ts';
import type { QueueImage } from '../../images/sysv.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { Program } from '../../kernel/program.ts';
import { ipcNowait, ipcSet, msqidField, msqidLength, sending } from '../../kernel/sysv-queues.ts';
import type { Shell } from '../shell.ts';
import { makeSysv, type SysvUndo } from './make.ts';

const runHere = (program: Program): ReturnType<typeof runLocal> => runLocal(program, 'message queue');
const ownMode = 0o600;

/** By the PID that the tree knows; undefined: no process of the tree. */
type ShellOf = (vpid: number) => Shell | undefined;

/** Preconditions: the shells are not yet who they will be: they may send to any queue. @throws GodwitError REFUSED */
export function makeQueues(queues: readonly QueueImage[], shellOf: ShellOf, undo: SysvUndo): void {
  for (const queue of queues) {
    makeSysv({ kind: 'msg', permissions: queue, size: 0 }, runHere, undo);
    fill(queue, shellOf);
  }
}

function fill(queue: QueueImage, shellOf: ShellOf): void {
  const { id, uid, gid, mode, room, messages } = queue;
  try {
    settings(id, process.geteuid?.() ?? 0, process.getegid?.() ?? 0, ownMode, room);
    for (const message of messages) runHere(sending(id, message));
    noteUsers(queue, shellOf);
    settings(id, uid, gid, mode & 0o777, room);
  } catch (cause) {
    throw new GodwitError(
      'REFUSED',
      `System V message queue ${id} cannot be filled: ${asGodwitError(cause).message}`,
      { hint: 'kernel.msgmnb and kernel.msgmax of the target may be too low', cause },
    );
  }
}

function settings(id: number, uid: number, gid: number, mode: number, room: number): void {
  const about = new Uint8Array(msqidLength);
  const view = new DataView(about.buffer);
  view.setUint32(msqidField.uid, uid, true);
  view.setUint32(msqidField.gid, gid, true);
  view.setUint32(msqidField.mode, mode, true);
  view.setBigUint64(msqidField.room, BigInt(room), true);
  const program = new Program();
  program.call('msgctl', id, ipcSet, program.bytes(about));
  runHere(program);
}

/** The kernel notes down whoever sends and receives: a message without text, of a type that is not there, fits where nothing else does. */
function noteUsers({ id, sender, receiver, messages }: QueueImage, shellOf: ShellOf): void {
  const [sends, receives] = [shellOf(sender), shellOf(receiver)];
  if (sends === undefined && receives === undefined) return;
  const types = new Set(messages.map(({ type }) => type));
  let type = 1n;
  while (types.has(type)) type++;
  const send = sending(id, { type, text: new Uint8Array() });
  const receive = new Program();
  receive.call('msgrcv', id, receive.room(16), 0, type, ipcNowait);
  if (sends === undefined) runHere(send);
  else sends.run(send);
  if (receives === undefined) runHere(receive);
  else receives.run(receive);
}

// Questions and orders to the kernel by netlink(7): one message each way, and dumps. A message is what stands behind its header:
//
//   +------------------------------+--------------------------+------------+----
//   | struct of its kind           | length u16  type u16     | value, pad | ...
//   +------------------------------+--------------------------+------------+----
import { GodwitError } from '../errors.ts';
import { runLocal } from './local-program.ts';
import { afNetlink } from './netlink.ts';
import { errnoName, Program } from './program.ts';
import { closeLocal } from './socket-facts.ts';

export const netlinkRoute = 0;
const sockRawCloexec = 3 | 0o2000000;
const nlmHeader = 16;
const nlmDone = 3;
const nlmError = 2;
const flagRequest = 1;
const flagAck = 4;
const flagDump = 0x300;
const flagDumpInterrupted = 0x10;
const room = 64 * 1024;

export type Message = Uint8Array<ArrayBuffer>;

/** How an order goes about what is there: NLM_F_* of netlink(7). */
export const orderFlags = { replace: 0x100, exclusive: 0x200, create: 0x400, append: 0x800 } as const;

export function attribute(type: number, value: Uint8Array): Message {
  const bytes = new Uint8Array((4 + value.length + 3) & ~3);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 4 + value.length, true);
  view.setUint16(2, type, true);
  bytes.set(value, 4);
  return bytes;
}

/** By type; the flags of nested ones and of byte order are left out. */
export function attributes(message: Message, from: number): Map<number, Message> {
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  const found = new Map<number, Uint8Array<ArrayBuffer>>();
  for (let at = from; at + 4 <= message.length;) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > message.length) break;
    found.set(view.getUint16(at + 2, true) & 0x3fff, message.slice(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}

/** A socket in the network namespace of this thread; it stays in there. @throws GodwitError SYSCALL */
export function openNetlink(protocol = netlinkRoute): number {
  const program = new Program();
  const fd = program.call('socket', afNetlink, sockRawCloexec, protocol);
  return runLocal(program, 'netlink').number(fd);
}

/** A u32 as the kernel writes it. */
export const numberValue = (value: number): Message => new Uint8Array(Uint32Array.of(value).buffer);

function send(fd: number, type: number, flags: number, message: Uint8Array): void {
  const bytes = new Uint8Array(nlmHeader + message.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  bytes.set(message, nlmHeader);
  const program = new Program();
  program.call('sendto', fd, program.bytes(bytes), bytes.length, 0, 0, 0);
  runLocal(program, 'netlink');
}

/** The kernel has answered when sending returns, and goes on with a dump as it is read. */
function receive(fd: number): Message {
  const program = new Program();
  const data = program.room(room);
  const got = program.call('recvfrom', fd, data, room, 0x40, 0, 0);
  const outcome = runLocal(program, 'netlink');
  return outcome.bytes(data).slice(0, outcome.number(got));
}

/** Gives an order to the network of the socket, or of this thread. `flags`: of orderFlags. 0 or a negative errno. */
export function order(type: number, message: Uint8Array, flags = 0, socket?: number): number {
  const fd = socket ?? openNetlink();
  try {
    send(fd, type, flagRequest | flagAck | flags, message);
    const reply = receive(fd);
    return new DataView(reply.buffer).getInt32(nlmHeader, true);
  } finally {
    if (socket === undefined) closeLocal(fd);
  }
}

/** One object. A negative errno: there is none. */
export function question(type: number, message: Uint8Array, protocol = netlinkRoute): Message | number {
  const fd = openNetlink(protocol);
  try {
    send(fd, type, flagRequest, message);
    const reply = receive(fd);
    const view = new DataView(reply.buffer);
    if (view.getUint16(4, true) === nlmError) return view.getInt32(nlmHeader, true);
    return reply.slice(nlmHeader, view.getUint32(0, true));
  } finally {
    closeLocal(fd);
  }
}

/** All objects of a kind, in the kernel's order. @throws GodwitError SYSCALL */
export function dump(type: number, message: Uint8Array, protocol = netlinkRoute): Message[] {
  for (;;) {
    const found = dumpOnce(type, message, protocol);
    if (found !== undefined) return found;
  }
}

/** undefined: the table changed meanwhile. */
function dumpOnce(type: number, message: Uint8Array, protocol: number): Message[] | undefined {
  const fd = openNetlink(protocol);
  const found: Message[] = [];
  let isWhole = true;
  try {
    send(fd, type, flagRequest | flagDump, message);
    for (;;) {
      const reply = receive(fd);
      const view = new DataView(reply.buffer);
      for (let at = 0; at + nlmHeader <= reply.length;) {
        const length = view.getUint32(at, true);
        const kind = view.getUint16(at + 4, true);
        isWhole &&= (view.getUint16(at + 6, true) & flagDumpInterrupted) === 0;
        if (kind === nlmDone) return isWhole ? found : undefined;
        if (kind === nlmError)
          throw new GodwitError('SYSCALL', `netlink: ${errnoName(view.getInt32(at + nlmHeader, true))}`);
        found.push(reply.slice(at + nlmHeader, at + length));
        at += (length + 3) & ~3;
      }
    }
  } finally {
    closeLocal(fd);
  }
}

// Messages that waited in a unix socket are sent to it again.
import { GodwitError } from '../../errors.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { errnoName, Program } from '../../kernel/program.ts';
import { solSocket } from '../../kernel/socket-options.ts';
import { native } from '../../native.ts';

const soSndbuf = 7;
const soSndbufForce = 32;
const soBufLock = 72;
const msgDontwait = 0x40;
const enough = 64 << 20;
const stream = 1;
const nothing = new Uint8Array();

export interface Message {
  readonly data: Uint8Array;
  /** As sendmsg(2) takes it; empty: none. */
  readonly control: Uint8Array;
  /** Descriptor of the PID namespace that it must be sent from: the PIDs in `control` are of there. */
  readonly pidNamespace?: number;
}

/** Preconditions: `sender` is connected to the socket, of `type`. @throws GodwitError LIMIT, NO_RIGHTS, SYSCALL */
export function sendQueue(sender: number, type: number, messages: readonly Message[], object: string): void {
  // With little room the kernel cuts what is sent to a stream into pieces: with descriptors each piece ends a read.
  const isWhole = type !== stream || messages.every(({ control }) => control.length === 0);
  const done = isWhole ? send(sender, messages) : { count: 0, bytes: 0, errno: 0 };
  if (done.count === messages.length) return;
  // The buffer here is smaller than it was on the source: larger for a moment.
  const before = bufferSize(sender);
  setBuffer(sender, enough, undefined);
  const [first, ...others] = messages.slice(done.count);
  // What was sent in part has taken its control data along.
  const rest = done.bytes === 0 || first === undefined ? first : plain(first.data.subarray(done.bytes));
  const left = rest === undefined ? others : [rest, ...others];
  const again = send(sender, left);
  setBuffer(sender, before.size, before.lock);
  if (again.count !== left.length) throw failure(again.errno, messages.length, object);
}

function plain(data: Uint8Array): Message {
  return { data, control: nothing };
}

/** How many messages went out whole, and how much of the next. */
function send(sender: number, messages: readonly Message[]): { count: number; bytes: number; errno: number } {
  for (const [count, message] of messages.entries()) {
    const { data } = message;
    for (let at = 0; at < data.length || at === 0;) {
      const sent = sendPart(sender, at === 0 ? message : plain(data.subarray(at)));
      if (sent < 0) return { count, bytes: at, errno: sent };
      at += sent;
      if (data.length === 0) break;
    }
  }
  return { count: messages.length, bytes: 0, errno: 0 };
}

function sendPart(sender: number, { data, control, pidNamespace }: Message): number {
  return pidNamespace === undefined
    ? native.sendMessage(sender, msgDontwait, data, control)
    : native.sendMessageFrom(pidNamespace, sender, msgDontwait, data, control);
}

function failure(errno: number, count: number, object: string): GodwitError {
  const why = errnoName(errno);
  if (why === 'EPERM' || why === 'EINVAL')
    // EINVAL: a user that the agent's user namespace does not know
    return new GodwitError(
      'NO_RIGHTS',
      `${object}: its messages cannot be sent in the name of others: ${why}`,
      { hint: 'run the agent on the target with CAP_SYS_ADMIN, CAP_SETUID and CAP_SETGID' },
    );
  if (why === 'ETOOMANYREFS')
    return new GodwitError('LIMIT', `${object}: too many descriptors are in flight: ${why}`, {
      hint: 'start the agent on the target with a higher limit (ulimit -n), or with CAP_SYS_RESOURCE',
    });
  return new GodwitError('LIMIT', `${object}: its ${count} messages do not fit on the target: ${why}`, {
    hint: 'raise net.core.wmem_max and net.unix.max_dgram_qlen',
  });
}

function bufferSize(fd: number): { size: number; lock: number | undefined } {
  const program = new Program();
  const four = (): Uint8Array => new Uint8Array(Uint32Array.of(4).buffer);
  const size = program.room(4);
  program.call('getsockopt', fd, solSocket, soSndbuf, size, program.bytes(four()));
  const lock = program.room(4);
  const known = program.attempt('getsockopt', fd, solSocket, soBufLock, lock, program.bytes(four()));
  const outcome = runLocal(program);
  return {
    size: outcome.view(size).getUint32(0, true) >>> 1,
    lock: outcome.number(known) < 0 ? undefined : outcome.view(lock).getUint32(0, true),
  };
}

function setBuffer(fd: number, size: number, lock: number | undefined): void {
  const program = new Program();
  const int = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
  program.attempt('setsockopt', fd, solSocket, soSndbuf, program.bytes(int(size)), 4);
  program.attempt('setsockopt', fd, solSocket, soSndbufForce, program.bytes(int(size)), 4);
  if (lock !== undefined)
    program.attempt('setsockopt', fd, solSocket, soBufLock, program.bytes(int(lock)), 4);
  runLocal(program);
}

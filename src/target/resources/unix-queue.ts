// Messages that waited in a unix socket are sent to it again.
import { GodwitError } from '../../errors.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { errnoName, Program } from '../../kernel/program.ts';
import { solSocket } from '../../kernel/socket-options.ts';

const soSndbuf = 7;
const soSndbufForce = 32;
const soBufLock = 72;
const msgDontwait = 0x40;
const enough = 64 << 20;

/** Preconditions: `sender` is connected to the socket. @throws GodwitError LIMIT */
export function sendQueue(sender: number, messages: readonly Uint8Array[], object: string): void {
  const done = send(sender, messages);
  if (done.count === messages.length) return;
  // The buffer here is smaller than it was on the source: larger for a moment.
  const before = bufferSize(sender);
  setBuffer(sender, enough, undefined);
  const rest = [
    messages[done.count]?.subarray(done.bytes) ?? new Uint8Array(),
    ...messages.slice(done.count + 1),
  ];
  const again = send(sender, rest);
  setBuffer(sender, before.size, before.lock);
  if (again.count === rest.length) return;
  throw new GodwitError(
    'LIMIT',
    `${object}: its ${messages.length} messages do not fit on the target: ${errnoName(again.errno)}`,
    {
      hint: 'raise net.core.wmem_max and net.unix.max_dgram_qlen',
    },
  );
}

/** How many messages went out whole, and how much of the next. */
function send(
  sender: number,
  messages: readonly Uint8Array[],
): { count: number; bytes: number; errno: number } {
  for (const [count, message] of messages.entries()) {
    for (let at = 0; at < message.length || at === 0;) {
      const rest = message.subarray(at);
      const program = new Program();
      const result = program.attempt('sendto', sender, program.bytes(rest), rest.length, msgDontwait, 0, 0);
      const sent = runLocal(program).number(result);
      if (sent < 0) return { count, bytes: at, errno: sent };
      at += sent;
      if (message.length === 0) break;
    }
  }
  return { count: messages.length, bytes: 0, errno: 0 };
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

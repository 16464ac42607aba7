// What waits to be read from a unix socket, left where it is: MSG_PEEK with SO_PEEK_OFF (socket(7)) walks through it.
// The offset belongs to the socket, which the copy shares with its owner: it is put back.
import { runLocal } from '../../kernel/local-program.ts';
import { isError, Program } from '../../kernel/program.ts';
import { solSocket } from '../../kernel/socket-options.ts';

const soPeekOff = 42;
const msgPeek = 2;
const msgTrunc = 0x20;
const msgDontwait = 0x40;
const stream = 1;
const datagram = 2;
/** Messages that one program looks at. */
const batch = 8;

export interface Queue {
  readonly messages: Uint8Array<ArrayBuffer>[];
  /** A message came from a socket with a name. */
  readonly named: boolean;
}

/** `queued`: bytes, as sock_diag tells; of a datagram socket those of the first message. */
export function peekQueue(fd: number, type: number, queued: number, peekOff: number): Queue {
  if (queued === 0 && type !== datagram) return { messages: [], named: false };
  try {
    let size = Math.max(queued, 4096);
    for (;;) {
      setPeekOff(fd, 0);
      const queue = walk(fd, type, queued, size);
      if (typeof queue !== 'number') return queue;
      size = queue;
    }
  } finally {
    setPeekOff(fd, peekOff);
  }
}

/** Returns the length of a message that does not fit `size`, when there is one. */
function walk(fd: number, type: number, queued: number, size: number): Queue | number {
  const messages: Uint8Array<ArrayBuffer>[] = [];
  let named = false;
  let total = 0;
  while (type === datagram || total < queued) {
    const program = new Program();
    const tries = Array.from({ length: type === stream ? 1 : batch }, () => {
      const room = program.room(size);
      const from = program.room(128);
      const fromLength = program.bytes(new Uint8Array(Uint32Array.of(128).buffer));
      const flags = msgPeek | msgTrunc | msgDontwait;
      return { room, fromLength, got: program.attempt('recvfrom', fd, room, size, flags, from, fromLength) };
    });
    const outcome = runLocal(program);
    for (const { room, fromLength, got } of tries) {
      if (isError(outcome.result(got)) || (type !== datagram && total >= queued))
        return { messages: joined(type, messages), named };
      const length = outcome.number(got);
      if (length > size) return length;
      if (length === 0 && type === stream) return { messages: joined(type, messages), named };
      named ||= outcome.view(fromLength).getUint32(0, true) > 2;
      messages.push(outcome.bytes(room).slice(0, length));
      total += length;
    }
  }
  return { messages: joined(type, messages), named };
}

function joined(type: number, messages: Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer>[] {
  return type === stream && messages.length > 1 ? [new Uint8Array(Buffer.concat(messages))] : messages;
}

function setPeekOff(fd: number, offset: number): void {
  const program = new Program();
  const value = program.bytes(new Uint8Array(Int32Array.of(offset).buffer));
  program.attempt('setsockopt', fd, solSocket, soPeekOff, value, 4);
  runLocal(program);
}

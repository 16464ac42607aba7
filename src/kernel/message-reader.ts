// Takes the reading of a WebSocket's socket over from Node and ws: a native thread reads its messages into memory that is used again and
// again, while this thread writes the last one. ws would make a buffer for each read and copy each message together: 1.3 CPU-seconds a
// gigabyte with the writing, 0.5 so. Whatever is not a whole binary message ws gets after all, with all that follows.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { native } from '../native.ts';
import { pageSize } from '../units.ts';
import { alignedBuffer } from './aligned-memory.ts';

/** How messages look inside (NativeMessageReaders). */
export interface MessageShape {
  readonly room: number;
  readonly unit: number;
  readonly most: number;
}

/** The XXH3-64 of a message from one of its bytes on. */
interface Hashed {
  readonly from: number;
  readonly hash: bigint;
}

/** `done`: the message may be overwritten. */
export type MessageArrived = (message: Buffer, done: () => void, hashed: Hashed) => void;

/** One is written, one is on its way, one is waiting. */
const blocks = 4;

/** What Node keeps of a socket and does not document: the libuv handle. */
interface Handle {
  readonly fd?: number;
  reading?: boolean;
  readStart?(): number;
  readStop?(): number;
}

/**
 * Call it before the socket has begun to flow, or while it is paused; nobody may resume it then. Returns what ends it; undefined: this
 * socket cannot be taken over, and nothing has changed. `socket`: one that ws listens to, which gets back what is not ours to read.
 * `sealed`: messages are (sealing.ts); `forged` is told once, of the first that was not sealed with this key.
 */
export function takeOver(
  socket: Socket,
  shape: MessageShape,
  arrived: MessageArrived,
  sealed?: { readonly key: Uint8Array; readonly forged: () => void },
): (() => void) | undefined {
  const { _handle: handle } = socket as unknown as { readonly _handle?: Handle | null };
  const fd = handle?.fd ?? -1;
  if (socket instanceof TLSSocket || fd < 0 || handle?.readStop === undefined) return undefined;
  socket.pause();
  const early = socket.readableLength > 0 ? (socket.read() as Buffer) : Buffer.alloc(0);
  // After the read, which makes Node read again.
  handle.readStop();
  handle.reading = false;
  const stride = Math.ceil((shape.room + shape.most) / pageSize) * pageSize;
  const memory = alignedBuffer(blocks * stride);
  let isOver = false;
  const { room, unit, most } = shape;
  const reader = new native.MessageReader(
    fd,
    early,
    room,
    unit,
    most,
    memory,
    blocks,
    (block, begin = 0, length = 0, hash = 0n) => {
      if (isOver) return;
      if (block === undefined) giveBack();
      else if (block < 0) {
        end();
        sealed?.forged();
      } else {
        const at = block * stride + begin;
        const done = (): void => {
          reader.release(block);
        };
        arrived(memory.subarray(at, at + length), done, { from: begin < room ? room - begin : 4, hash });
      }
    },
    sealed?.key,
  );
  const end = (): Buffer => {
    isOver = true;
    socket.removeListener('close', end);
    return reader.stop();
  };
  const giveBack = (): void => {
    const left = end();
    if (socket.destroyed) return;
    if (left.length > 0) socket.unshift(left);
    // The stream takes itself for reading still, and would not begin by itself.
    handle.reading = true;
    handle.readStart?.();
    socket.resume();
  };
  socket.once('close', end);
  return end;
}

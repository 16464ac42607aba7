// Gives a socket whose HTTP head has been read to a worker process, without losing a byte.
// Between sending the descriptor and the worker's thanks this process still has the socket open, and libuv would
// go on reading from it: what it read would be gone. `pause()` stops only after the next chunk, so the reading is
// stopped at the handle, in the same tick in which the HTTP parser let go, and what was read before goes along.
import type { ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ToWorker, WebSocketRequest } from './worker-messages.ts';

interface WithHandle {
  readonly _handle?: { readStop(): number } | null;
}

/** A socket that nobody reads, and the bytes behind its HTTP head. */
export interface QuietSocket {
  readonly socket: Socket;
  readonly head: Buffer;
}

/** To be called in the tick of the upgrade event. undefined: the socket is gone already. */
export function silence(socket: Duplex, head: Buffer): QuietSocket | undefined {
  const handle = (socket as Duplex & WithHandle)._handle;
  socket.on('error', () => undefined); // what matters is seen by the worker
  if (!(socket instanceof Socket) || !handle) {
    socket.destroy();
    return undefined;
  }
  handle.readStop();
  const buffered = socket.read() as Buffer | null;
  return { socket, head: buffered === null ? head : Buffer.concat([head, buffered]) };
}

type Handed = Omit<WebSocketRequest, 'head'> | { readonly kind: 'tls' };

/** After this the socket belongs to the worker; `onFailure`: the worker was gone, and the socket is closed. */
export function handOver(
  worker: ChildProcess,
  request: Handed,
  { socket, head }: QuietSocket,
  onFailure: (error: Error) => void,
): void {
  const message: ToWorker = { ...request, head: head.toString('base64') };
  worker.send(message, socket, (error) => {
    if (error === null) return;
    socket.destroy();
    onFailure(error);
  });
}

// A server to which one end dials again and again, and what cuts the link between them.
import { createServer } from 'node:http';
import { Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';
import { WebSocket } from 'ws';
import { subprotocol } from '../../../src/transport/limits.ts';
import { redial } from '../../../src/transport/redial.ts';
import type { Attach, Redial } from '../../../src/transport/redial.ts';
import { acceptWebSocket, zeroMask } from '../../../src/transport/websocket.ts';
import type { ConnectionKind, UpgradeRequest } from '../../../src/transport/websocket.ts';

export interface Exchange {
  /** Opens another connection: `attach` gets this end's, `accept` the other's. */
  readonly dial: Redial;
  /** The link breaks: a reset for both. */
  readonly cut: () => void;
  /** Bytes of the server's end are not read from now on: what is sent is lost with the next cut. */
  readonly stall: () => void;
}

export async function exchange(t: Test, kind: ConnectionKind, accept: Attach<void>): Promise<Exchange> {
  const http = createServer();
  const sockets = new Set<Socket>();
  http.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  http.on('upgrade', (message, socket, head) => {
    if (!(socket instanceof Socket)) throw new Error('not a TCP socket');
    acceptWebSocket(kind, message as unknown as UpgradeRequest, socket, head, accept).catch(() => undefined);
  });
  await new Promise<void>((resolve) => {
    http.listen(0, '127.0.0.1', resolve);
  });
  const { port } = http.address() as AddressInfo;
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    http.close();
  });
  const once: Redial = async (attach) =>
    new Promise((resolve, reject) => {
      const ws = new WebSocket(`ws://127.0.0.1:${port}/`, subprotocol, {
        perMessageDeflate: false,
        generateMask: zeroMask,
      });
      let socket: Socket | undefined;
      ws.once('error', reject);
      ws.once('upgrade', (response) => {
        socket = response.socket;
      });
      ws.once('open', () => {
        ws.removeListener('error', reject);
        attach(ws, socket as Socket);
        resolve();
      });
    });
  return {
    // An attempt may meet a cut, too.
    dial: async (attach) => redial(async () => once(attach), { forMs: 5000, isPassing: () => true }),
    cut: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    stall: () => {
      for (const socket of sockets) socket.pause();
    },
  };
}

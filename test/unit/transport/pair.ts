// Two ends of one WebSocket over loopback, joined the way Godwit joins them, without a daemon.
import { createServer } from 'node:http';
import { Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';
import { WebSocket } from 'ws';
import { subprotocol } from '../../../src/transport/limits.ts';
import { acceptWebSocket, zeroMask } from '../../../src/transport/websocket.ts';
import type { ConnectionKind, UpgradeRequest } from '../../../src/transport/websocket.ts';

export interface End {
  readonly ws: WebSocket;
  readonly socket: Socket;
}

/** `wrapClient` and `wrapServer` run when their end opens, before anything is read. */
export async function websocketPair<C, S>(
  t: Test,
  kind: ConnectionKind,
  wrapClient: (end: End) => C,
  wrapServer: (end: End) => S,
): Promise<{ client: C; server: S; clientEnd: End; serverEnd: End }> {
  const http = createServer();
  const serverSide = new Promise<{ wrapped: S; end: End }>((resolve, reject) => {
    http.once('upgrade', (message, socket, head) => {
      const request = message as unknown as UpgradeRequest;
      if (!(socket instanceof Socket)) throw new Error('not a TCP socket');
      acceptWebSocket(kind, request, socket, head, (ws) => {
        const end = { ws, socket };
        return { wrapped: wrapServer(end), end };
      }).then(resolve, reject);
    });
  });
  await new Promise<void>((resolve) => {
    http.listen(0, '127.0.0.1', resolve);
  });
  const { port } = http.address() as AddressInfo;
  const ws = new WebSocket(`ws://127.0.0.1:${port}/`, subprotocol, {
    perMessageDeflate: false,
    generateMask: zeroMask,
  });
  const clientSide = new Promise<{ wrapped: C; end: End }>((resolve, reject) => {
    let socket: Socket | undefined;
    ws.once('error', reject);
    ws.once('upgrade', (response) => {
      socket = response.socket;
    });
    ws.once('open', () => {
      ws.removeListener('error', reject);
      const end = { ws, socket: socket as Socket };
      resolve({ wrapped: wrapClient(end), end });
    });
  });
  const [client, server] = await Promise.all([clientSide, serverSide]);
  t.teardown(() => {
    client.end.ws.terminate();
    server.end.ws.terminate();
    http.close();
  });
  return { client: client.wrapped, server: server.wrapped, clientEnd: client.end, serverEnd: server.end };
}

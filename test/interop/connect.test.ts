// The source against what is not a Godwit target: one sentence for each, always PEER, always with a hint.
import { createServer as createHttp } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import t from 'tap';
import type { Test } from 'tap';
import { WebSocketServer } from 'ws';
import { GodwitError } from '../../src/errors.ts';
import { connectControl } from '../../src/transport/connect.ts';
import type { Endpoint } from '../../src/transport/endpoint.ts';
import { plaintext } from '../../src/transport/security.ts';
import { greet } from '../../src/transport/handshake.ts';
import { identity } from '../unit/transport/samples.ts';

async function endpointOf(t: Test, server: Server): Promise<Endpoint> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { host: 'localhost', address: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

void t.test('nothing listens there', async (t) => {
  const server = createServer();
  const endpoint = await endpointOf(t, server);
  await new Promise((resolve) => server.close(resolve));
  await t.rejects(connectControl(endpoint, 'm', { security: plaintext }), {
    code: 'PEER',
    message: `cannot reach the target localhost:${endpoint.port}: nothing listens there`,
    hint: /receive --listen/,
  });
});

void t.test('no answer to the connection at all', async (t) => {
  const endpoint = { host: '192.0.2.1', address: '192.0.2.1', port: 9 }; // TEST-NET-1: routed nowhere
  await t.rejects(connectControl(endpoint, 'm', { security: plaintext, timeoutMs: 100 }), {
    code: 'PEER',
    message: /cannot reach/,
  });
});

void t.test('a server that accepts and says nothing', async (t) => {
  const endpoint = await endpointOf(t, createServer());
  await t.rejects(connectControl(endpoint, 'm', { security: plaintext, timeoutMs: 100 }), {
    code: 'PEER',
    message: /does not answer/,
  });
});

void t.test('a server that says something else', async (t) => {
  const answers: [string, string, RegExp][] = [
    ['ssh', 'SSH-2.0-OpenSSH_9.2\r\n', /does not answer as a Godwit target/],
    ['a hang-up', '', /does not answer as a Godwit target/],
    ['a web page', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi', /it answered HTTP 200/],
    ['bad JSON', 'HTTP/1.1 409 Conflict\r\nContent-Length: 13\r\n\r\n{"godwit": 1}', /it answered HTTP 409/],
    ['a wrong accept key', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n', /Sec-WebSocket-Accept/],
  ]; // prettier-ignore
  for (const [name, answer, message] of answers) {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(answer));
    });
    await t.rejects(connectControl(await endpointOf(t, server), 'm', { security: plaintext }), { code: 'PEER', message, hint: /check address/ }, name);
  } // prettier-ignore
});

void t.test('a WebSocket server that does not speak godwit', async (t) => {
  const server = createHttp();
  const endpoint = await endpointOf(t, server);
  const webSockets = new WebSocketServer({ server, handleProtocols: () => false });
  t.teardown(() => {
    webSockets.close();
  });
  await t.rejects(connectControl(endpoint, 'm', { security: plaintext }), {
    code: 'PEER',
    message: /subprotocol/,
  });
});

void t.test('a target of another version says so itself', async (t) => {
  const server = createHttp();
  const endpoint = await endpointOf(t, server);
  const webSockets = new WebSocketServer({ server });
  t.teardown(() => {
    webSockets.close();
  });
  const { packMessage } = await import('../../src/transport/wire-codec.ts');
  webSockets.on('connection', (ws) => {
    ws.once('message', () => {
      ws.send(packMessage({ type: 'welcome', version: 2, news: [] }));
    });
  });
  const control = await connectControl(endpoint, 'm', { security: plaintext });
  await t.rejects(greet(control, { ...identity, migrationId: 'm', purpose: 'migrate', plaintext: false }), {
    code: 'VERSION',
    message: 'the target speaks protocol version 2, this host speaks version 1',
  });
});

void t.test('Ctrl-C while connecting', async (t) => {
  const endpoint = await endpointOf(t, createServer());
  const stop = new AbortController();
  const connecting = connectControl(endpoint, 'm', { security: plaintext, signal: stop.signal });
  setTimeout(() => {
    stop.abort(new GodwitError('CANCELLED', 'Ctrl-C'));
  }, 50);
  await t.rejects(connecting, { code: 'CANCELLED' });
  await t.rejects(connectControl(endpoint, 'm', { security: plaintext, signal: stop.signal }), {
    code: 'CANCELLED',
  });
});

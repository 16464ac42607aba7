// Reads an upgrade request of the daemon's HTTP server: which connection, of which migration. What is not meant for
// Godwit is refused before a worker process is started.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { GodwitError } from '../errors.ts';
import { subprotocol } from '../transport/limits.ts';
import { migrationIdPattern } from '../transport/message-fields.ts';
import { sealHeader } from '../transport/page-keys.ts';
import { refusalResponse } from '../transport/refusal.ts';
import type { WebSocketRequest } from './worker-messages.ts';

/** An HTTP answer instead of what was asked for. */
export class Refusal extends Error {
  readonly status: number;
  readonly error: GodwitError;

  constructor(status: number, error: GodwitError) {
    super(error.message);
    this.status = status;
    this.error = error;
  }
}

/** Milliseconds for the answer to leave. */
const farewellMs = 2000;

/** Says why, and closes: whoever keeps his end open keeps nothing here. */
export function turnAway(socket: Duplex, { status, error }: Refusal): void {
  socket.on('error', () => undefined);
  const close = (): void => {
    socket.destroy();
  };
  const timer = setTimeout(close, farewellMs);
  socket.once('close', () => {
    clearTimeout(timer);
  });
  socket.once('finish', close);
  socket.end(refusalResponse(status, error));
}

/** Headers that the WebSocket handshake looks at; others do not travel to the worker. */
const handshakeHeaders = [
  'host',
  'upgrade',
  'connection',
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-protocol',
  sealHeader,
];

export function readUpgrade(message: IncomingMessage): Omit<WebSocketRequest, 'head'> | Refusal {
  const url = message.url ?? '';
  const headers: Record<string, string> = {};
  for (const name of handshakeHeaders) {
    const value = message.headers[name];
    if (typeof value === 'string') headers[name] = value;
  }
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  if (message.method !== 'GET' || headers['upgrade']?.toLowerCase() !== 'websocket') {
    return new Refusal(400, refused('only WebSocket connections are served here'));
  }
  if (!offered.includes(subprotocol)) {
    return new Refusal(400, refused(`the WebSocket subprotocol "${subprotocol}" was not offered`));
  }
  const request = { method: message.method, url, headers };
  const [path = '', query = ''] = url.split('?', 2);
  if (path === '/v1/control') {
    const parameters = new URLSearchParams(query);
    const migrationId = parameters.get('migration') ?? '';
    const purpose = parameters.get('purpose') ?? 'migrate';
    if (!isPurpose(purpose)) {
      return new Refusal(400, refused('the purpose of the connection is unknown'));
    }
    if (!migrationIdPattern.test(migrationId))
      return new Refusal(400, refused('the migration id is malformed'));
    return { kind: 'control', migrationId, purpose, request };
  }
  const pages = /^\/v1\/pages\/([^/]+)$/.exec(path);
  if (pages === null) {
    return new Refusal(
      404,
      new GodwitError('VERSION', `this target has no ${JSON.stringify(path.slice(0, 80))}`, {
        hint: 'install the same release of Godwit on both hosts',
      }),
    );
  }
  const migrationId = pages[1] ?? '';
  if (!migrationIdPattern.test(migrationId))
    return new Refusal(400, refused('the migration id is malformed'));
  return { kind: 'pages', migrationId, purpose: 'migrate', request };
}

function isPurpose(word: string): word is WebSocketRequest['purpose'] {
  return word === 'migrate' || word === 'resolve' || word === 'post-copy' || word === 'resume';
}

function refused(why: string): GodwitError {
  return new GodwitError('PROTOCOL', `the target refused the connection: ${why}`);
}

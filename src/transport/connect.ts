// The source's way to the target: to an open WebSocket, by the front door where the target encrypts.
//
//   key, certificate, session --front door--> session --TLS--> control connection --exported keys--> page connections
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { asGodwitError } from '../errors.ts';
import type { GodwitError } from '../errors.ts';
import { ControlConnection } from './control-connection.ts';
import type { ControlOptions } from './control-connection.ts';
import { formatEndpoint } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { bearer, enterFrontDoor } from './front-door.ts';
import type { DoorPurpose } from './front-door.ts';
import { handshakeTimeoutMs, subprotocol } from './limits.ts';
import { sealHeader } from './page-keys.ts';
import { PageSender } from './page-sender.ts';
import type { PageSenderOptions } from './page-sender-options.ts';
import { pageKeysOf } from './passage.ts';
import type { Passage } from './passage.ts';
import { isPassingProblem, lost, notGodwit, reach, secure } from './reach.ts';
import { attemptMs, redial } from './redial.ts';
import type { Attach } from './redial.ts';
import { readRefusal } from './refusal.ts';
import type { Reconnect } from './resuming.ts';
import type { Security, Session } from './security.ts';
import { maxPayloads, sharedOptions, zeroMask } from './websocket.ts';
import type { ConnectionKind } from './websocket.ts';

export interface ConnectOptions {
  /** For the TCP connection, and again for each handshake on it. Default 10,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Milliseconds in which a connection that breaks is dialled again. Default 0: its end is the end. */
  readonly reconnectForMs?: number;
}

export interface ControlConnectOptions
  extends ConnectOptions, Omit<ControlOptions, 'reconnect' | 'passage'>, Omit<Reconnect, 'redial'> {
  readonly security: Security;
  readonly purpose?: DoorPurpose;
  /** The migration that it is about, where that is another one (post-copy). */
  readonly of?: string;
}

/** Opens the control connection of a migration; nothing has been said on it yet (see greet). @throws GodwitError PEER, REFUSED */
export async function connectControl(
  endpoint: Endpoint,
  migrationId: string,
  options: ControlConnectOptions,
): Promise<ControlConnection<'source'>> {
  const { security, purpose = 'migrate', of, signal } = options;
  const timeoutMs = options.timeoutMs ?? handshakeTimeoutMs;
  const admission =
    security.kind === 'plaintext'
      ? undefined
      : await enterFrontDoor(endpoint, security, { migrationId, purpose, of }, { timeoutMs, signal });
  const session = admission?.session;
  const way = (what: string): Way => ({
    kind: 'control',
    endpoint,
    path: `/v1/control?migration=${migrationId}&purpose=${what}`,
    ...(session && { tls: { session, serverName: serverNameOf(migrationId) } }),
  });
  const again = redialOf(way('resume'), options);
  const reconnect = again && { ...options, redial: again };
  try {
    return await dial(way(purpose), options, (ws, socket) => {
      const passage: Passage | undefined = session && { session, pages: pageKeysOf(socket) };
      return new ControlConnection('source', ws, socket, { ...options, reconnect, passage });
    });
  } finally {
    admission?.leave();
  }
}

/** Opens a page connection of a migration that has been welcomed. `passage`: of its control connection. @throws GodwitError PEER */
export async function connectPages(
  endpoint: Endpoint,
  migrationId: string,
  options: ConnectOptions & PageSenderOptions & { readonly passage: Passage | undefined },
): Promise<PageSender> {
  const { passage } = options;
  const way: Way = { kind: 'pages', endpoint, path: `/v1/pages/${migrationId}`, ...(passage && { passage }) };
  const again = redialOf(way, options);
  const attach: Attach<PageSender> = (ws, socket, seal) =>
    new PageSender(ws, socket, { ...options, redial: again, seal });
  return dial(way, options, attach);
}

/** The name in a ClientHello by which the target finds the worker of a migration. */
function serverNameOf(migrationId: string): string {
  return `${migrationId}.godwit`;
}

interface Way {
  readonly kind: ConnectionKind;
  readonly endpoint: Endpoint;
  readonly path: string;
  readonly tls?: { readonly session: Session; readonly serverName: string };
  /** Of a page connection whose messages are sealed. */
  readonly passage?: Passage;
}

/** undefined: what breaks is not dialled again. */
function redialOf(way: Way, { reconnectForMs = 0, signal }: ConnectOptions): Reconnect['redial'] | undefined {
  if (reconnectForMs === 0) return undefined;
  const once = { timeoutMs: attemptMs, ...(signal && { signal }) };
  return async (attach) =>
    redial(async () => dial(way, once, attach), {
      forMs: reconnectForMs,
      signal,
      isPassing: isPassingProblem,
    });
}

async function dial<T>(way: Way, options: ConnectOptions, attach: Attach<T>): Promise<T> {
  const { kind, endpoint, path, tls, passage } = way;
  const timeoutMs = options.timeoutMs ?? handshakeTimeoutMs;
  const { signal } = options;
  signal?.throwIfAborted();
  const socket = await reach(endpoint, timeoutMs, signal);
  const url = `ws://${formatEndpoint(endpoint)}${path}`;
  if (tls !== undefined) {
    const { serverName, session } = tls;
    const { socket: secured } = await secure(socket, endpoint, session, { timeoutMs, signal, serverName });
    const headers = { Authorization: bearer(session.secret) };
    return upgrade(url, endpoint, secured, { kind, timeoutMs, signal, headers, attach });
  }
  const page = passage?.pages.next();
  return upgrade(url, endpoint, socket, {
    kind,
    timeoutMs,
    signal,
    headers: page === undefined ? {} : { [sealHeader]: page.header },
    attach: (ws, open) => attach(ws, open, page?.seal),
  });
}

interface Upgrade<T> {
  readonly kind: ConnectionKind;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly attach: Attach<T>;
}

async function upgrade<T>(
  url: string,
  endpoint: Endpoint,
  socket: Socket,
  { kind, timeoutMs, signal, headers, attach }: Upgrade<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(url, subprotocol, {
      ...sharedOptions,
      createConnection: () => socket,
      generateMask: zeroMask,
      maxPayload: maxPayloads[kind],
      headers,
    });
    // ws's own handshakeTimeout does nothing on a socket that is connected already.
    const timer = setTimeout(() => {
      fail(lost(notGodwit(endpoint, `it said nothing for ${timeoutMs} ms`)));
    }, timeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    const fail = (error: GodwitError): void => {
      settle();
      ws.on('error', () => undefined);
      ws.terminate();
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => {
      fail(asGodwitError(signal?.reason));
    };
    const onError = (error: Error): void => {
      fail(lost(notGodwit(endpoint, error.message, error)));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    ws.on('error', onError);
    ws.on('unexpected-response', (_request, response) => {
      void readRefusal(response).then((refusal) => {
        fail(refusal ?? notGodwit(endpoint, `it answered HTTP ${response.statusCode ?? 0}`));
      });
    });
    ws.once('open', () => {
      settle();
      ws.removeListener('error', onError);
      resolve(attach(ws, socket));
    });
  });
}

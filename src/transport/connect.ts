// The source's way to the target: from host:port to an open WebSocket, with one sentence for each way it can fail.
import { connect as connectSocket } from 'node:net';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { asGodwitError, GodwitError } from '../errors.ts';
import { ControlConnection } from './control-connection.ts';
import type { ControlOptions } from './control-connection.ts';
import { formatEndpoint } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { handshakeTimeoutMs, subprotocol } from './limits.ts';
import { PageSender } from './page-sender.ts';
import type { PageSenderOptions } from './page-sender-options.ts';
import { readRefusal } from './refusal.ts';
import { maxPayloads, sharedOptions, zeroMask } from './websocket.ts';
import type { ConnectionKind } from './websocket.ts';

export interface ConnectOptions {
  /** For the TCP connection, and again for the WebSocket handshake. Default 10,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Opens the control connection of a migration; nothing has been said on it yet (see greet). @throws GodwitError PEER */
export async function connectControl(
  endpoint: Endpoint,
  migrationId: string,
  options: ConnectOptions & ControlOptions & { readonly purpose?: 'migrate' | 'resolve' | 'post-copy' } = {},
): Promise<ControlConnection<'source'>> {
  const path = `/v1/control?migration=${migrationId}&purpose=${options.purpose ?? 'migrate'}`;
  const attach: Attach<ControlConnection<'source'>> = (ws, socket) =>
    new ControlConnection('source', ws, socket, options);
  return dial('control', endpoint, path, options, attach);
}

/** Opens a page connection of a migration that has been welcomed. @throws GodwitError PEER */
export async function connectPages(
  endpoint: Endpoint,
  migrationId: string,
  options: ConnectOptions & PageSenderOptions,
): Promise<PageSender> {
  const attach: Attach<PageSender> = (ws, socket) => new PageSender(ws, socket, options);
  return dial('pages', endpoint, `/v1/pages/${migrationId}`, options, attach);
}

/** Called in the tick in which the WebSocket opens, so that no message is missed. */
type Attach<T> = (ws: WebSocket, socket: Socket) => T;

async function dial<T>(
  kind: ConnectionKind,
  endpoint: Endpoint,
  path: string,
  options: ConnectOptions,
  attach: Attach<T>,
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? handshakeTimeoutMs;
  options.signal?.throwIfAborted();
  const socket = await reach(endpoint, timeoutMs, options.signal);
  const url = `ws://${formatEndpoint(endpoint)}${path}`;
  return upgrade(url, endpoint, socket, { kind, timeoutMs, signal: options.signal, attach });
}

async function reach(endpoint: Endpoint, timeoutMs: number, signal?: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket({ host: endpoint.address, port: endpoint.port, noDelay: true });
    const timer = setTimeout(() => {
      fail(unreachable(endpoint, `no answer for ${timeoutMs} ms`));
    }, timeoutMs);
    const onAbort = (): void => {
      fail(asGodwitError(signal?.reason));
    };
    const onError = (error: NodeJS.ErrnoException): void => {
      fail(unreachable(endpoint, reasons[error.code ?? ''] ?? error.message, error));
    };
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.removeListener('error', onError);
    };
    const fail = (error: GodwitError): void => {
      settle();
      socket.on('error', () => undefined);
      socket.destroy();
      reject(error);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.on('error', onError);
    socket.once('connect', () => {
      settle();
      resolve(socket);
    });
  });
}

interface Upgrade<T> {
  readonly kind: ConnectionKind;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly attach: Attach<T>;
}

async function upgrade<T>(
  url: string,
  endpoint: Endpoint,
  socket: Socket,
  { kind, timeoutMs, signal, attach }: Upgrade<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(url, subprotocol, {
      ...sharedOptions,
      createConnection: () => socket,
      generateMask: zeroMask,
      maxPayload: maxPayloads[kind],
    });
    // ws's own handshakeTimeout does nothing on a socket that is connected already.
    const timer = setTimeout(() => {
      fail(notGodwit(endpoint, `it said nothing for ${timeoutMs} ms`));
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
      fail(notGodwit(endpoint, error.message, error));
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

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'the network is unreachable',
  ETIMEDOUT: 'no answer',
  ECONNRESET: 'the connection was reset',
};

function unreachable(endpoint: Endpoint, why: string, cause?: unknown): GodwitError {
  return new GodwitError('PEER', `cannot reach the target ${written(endpoint)}: ${why}`, {
    hint: 'is "godwit receive --listen" running there, and does a firewall let it through?',
    cause,
  });
}

function notGodwit(endpoint: Endpoint, why: string, cause?: unknown): GodwitError {
  return new GodwitError('PEER', `${written(endpoint)} does not answer as a Godwit target: ${why}`, {
    hint: 'check address and port of "godwit receive --listen" on the target',
    cause,
  });
}

function written({ host, port }: Endpoint): string {
  return formatEndpoint({ address: host, port });
}

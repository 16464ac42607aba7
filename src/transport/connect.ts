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
import { attemptMs, redial } from './redial.ts';
import type { Attach } from './redial.ts';
import { readRefusal } from './refusal.ts';
import type { Reconnect } from './resuming.ts';
import { maxPayloads, sharedOptions, zeroMask } from './websocket.ts';
import type { ConnectionKind } from './websocket.ts';

export interface ConnectOptions {
  /** For the TCP connection, and again for the WebSocket handshake. Default 10,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Milliseconds in which a connection that breaks is dialled again. Default 0: its end is the end. */
  readonly reconnectForMs?: number;
}

export interface ControlConnectOptions
  extends ConnectOptions, Omit<ControlOptions, 'reconnect'>, Omit<Reconnect, 'redial'> {
  readonly purpose?: 'migrate' | 'resolve' | 'post-copy';
}

/** Opens the control connection of a migration; nothing has been said on it yet (see greet). @throws GodwitError PEER */
export async function connectControl(
  endpoint: Endpoint,
  migrationId: string,
  options: ControlConnectOptions = {},
): Promise<ControlConnection<'source'>> {
  const path = (purpose: string): string => `/v1/control?migration=${migrationId}&purpose=${purpose}`;
  const again = redialOf('control', endpoint, path('resume'), options);
  const reconnect = again && { ...options, redial: again };
  const attach: Attach<ControlConnection<'source'>> = (ws, socket) =>
    new ControlConnection('source', ws, socket, { ...options, reconnect });
  return dial('control', endpoint, path(options.purpose ?? 'migrate'), options, attach);
}

/** Opens a page connection of a migration that has been welcomed. @throws GodwitError PEER */
export async function connectPages(
  endpoint: Endpoint,
  migrationId: string,
  options: ConnectOptions & PageSenderOptions,
): Promise<PageSender> {
  const path = `/v1/pages/${migrationId}`;
  const again = redialOf('pages', endpoint, path, options);
  const attach: Attach<PageSender> = (ws, socket) =>
    new PageSender(ws, socket, { ...options, redial: again });
  return dial('pages', endpoint, path, options, attach);
}

/** undefined: what breaks is not dialled again. */
function redialOf(
  kind: ConnectionKind,
  endpoint: Endpoint,
  path: string,
  { reconnectForMs = 0, signal }: ConnectOptions,
): Reconnect['redial'] | undefined {
  if (reconnectForMs === 0) return undefined;
  const once = { timeoutMs: attemptMs, ...(signal && { signal }) };
  return async (attach) =>
    redial(async () => dial(kind, endpoint, path, once, attach), {
      forMs: reconnectForMs,
      signal,
      isPassing: (error) => passing.has(error as WeakKey),
    });
}

/** Errors of dialling that say nothing about the target: there may be no way to it at the moment. */
const passing = new WeakSet();

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
      fail(lost(unreachable(endpoint, `no answer for ${timeoutMs} ms`)));
    }, timeoutMs);
    const onAbort = (): void => {
      fail(asGodwitError(signal?.reason));
    };
    const onError = (error: NodeJS.ErrnoException): void => {
      const problem = unreachable(endpoint, reasons[error.code ?? ''] ?? error.message, error);
      // Where nothing listens any more nobody waits for us either.
      fail(error.code === 'ECONNREFUSED' ? problem : lost(problem));
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

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'the network is unreachable',
  ETIMEDOUT: 'no answer',
  ECONNRESET: 'the connection was reset',
};

function lost(error: GodwitError): GodwitError {
  passing.add(error);
  return error;
}

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

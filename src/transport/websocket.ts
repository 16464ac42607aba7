// How Godwit uses ws: settings that both sides share, and ws's failures as GodwitErrors.
import type { Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import type { RawData, ServerOptions, WebSocket } from 'ws';
import { GodwitError } from '../errors.ts';
import { maxControlMessage, maxPageFrame, subprotocol } from './limits.ts';
import { tagBytes } from './sealing.ts';
import type { Side } from './messages.ts';

export type ConnectionKind = 'control' | 'pages';

export const maxPayloads: Readonly<Record<ConnectionKind, number>> = {
  control: maxControlMessage,
  pages: maxPageFrame + tagBytes,
};

/** Settings for client and server. Compression costs more than the memory it would save here. */
export const sharedOptions = { perMessageDeflate: false, skipUTF8Validation: true } as const;

/** The mask stays zero, which ws takes as "do not mask": it defends proxies, and none stands between two agents. */
export function zeroMask(): void {
  // ws hands over four zero bytes; leaving them is the point
}

/** What a daemon hands on of an upgrade request: all that the WebSocket handshake looks at. */
export interface UpgradeRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

const servers = new Map<ConnectionKind, WebSocketServer>();

function serverFor(kind: ConnectionKind): WebSocketServer {
  let server = servers.get(kind);
  if (server === undefined) {
    const options: ServerOptions = {
      ...sharedOptions,
      noServer: true,
      clientTracking: false,
      maxPayload: maxPayloads[kind],
      handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false),
    };
    server = new WebSocketServer(options);
    servers.set(kind, server);
  }
  return server;
}

/**
 * Answers an upgrade request on a socket whose HTTP head has been read; a bad one is answered and closed. `socket`: undefined or
 * destroyed when the peer has gone meanwhile. @throws GodwitError PEER
 * `attach` runs before anything is read from the socket: a message that came along with the request is not lost.
 */
export async function acceptWebSocket<T>(
  kind: ConnectionKind,
  request: UpgradeRequest,
  socket: Socket | undefined,
  head: Buffer,
  attach: (ws: WebSocket, socket: Socket) => T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const onClose = (): void => {
      reject(new GodwitError('PEER', `the peer closed its ${kind} connection during the handshake`));
    };
    if (socket === undefined || socket.destroyed) {
      onClose();
      return;
    }
    socket.once('close', onClose);
    // handleUpgrade looks at method, url and headers alone.
    serverFor(kind).handleUpgrade(request as never, socket, head, (ws) => {
      socket.removeListener('close', onClose);
      resolve(attach(ws, socket));
    });
  });
}

/** Sends what is queued, closes, and waits for the peer's close, at most `graceMs`. */
export async function closeWebSocket(ws: WebSocket, graceMs: number): Promise<void> {
  if (ws.readyState === ws.CLOSED) return;
  const closed = new Promise<void>((resolve) => {
    ws.once('close', () => {
      resolve();
    });
  });
  ws.close(1000);
  const timer = setTimeout(() => {
    ws.terminate();
  }, graceMs);
  await closed;
  clearTimeout(timer);
}

/** One message as bytes; binaryType is nodebuffer, so this copies nothing. */
export function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

/** Node tells nobody, and what it does not offer (socket options) only the descriptor can be asked for. */
interface WithHandle {
  readonly _handle?: { readonly fd?: number } | null;
}

/** undefined: the socket has none, or none any more. */
export function descriptorOf(socket: Socket): number | undefined {
  const fd = (socket as WithHandle)._handle?.fd ?? -1;
  return fd < 0 ? undefined : fd;
}

/** A failure of ws or its socket while a connection is open. */
export function socketProblem(error: Error, peer: Side): GodwitError {
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') {
    return new GodwitError('LIMIT', `the ${peer} sent a message larger than the protocol allows`, {
      cause: error,
    });
  }
  if (code.startsWith('WS_ERR_')) {
    return new GodwitError('PROTOCOL', `the ${peer} broke the WebSocket protocol: ${error.message}`, {
      hint: 'is the other side a Godwit agent, and nothing between the hosts that changes bytes?',
      cause: error,
    });
  }
  return new GodwitError('PEER', `the connection to the ${peer} broke: ${error.message}`, {
    hint: `look at the log of the ${peer}, and at the link between the hosts`,
    cause: error,
  });
}

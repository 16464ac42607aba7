// A worker's end of TLS: control connections of the one migration that it was started for, from whoever has its session.
import { timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import { GodwitError } from '../../errors.ts';
import { secretOfBearer } from '../../transport/front-door.ts';
import { handshakeTimeoutMs } from '../../transport/limits.ts';
import type { UpgradeRequest } from '../../transport/websocket.ts';
import { readUpgrade, Refusal, turnAway } from '../upgrade.ts';
import { FreshConnections, peerOf } from '../fresh-connections.ts';
import type { Opening } from '../worker-messages.ts';
import { hashOf } from './key-ring.ts';

export interface Entered {
  readonly purpose: Opening['purpose'] | 'resume';
  readonly request: UpgradeRequest;
  readonly socket: Socket;
  readonly head: Buffer;
}

const mostStrangers = 16;

export class SecureLine {
  readonly #server: Server;
  readonly #opening: Opening;
  readonly #hash: Buffer;
  /** Who knows the ID and has not shown the session: a server that does not listen itself has no time limits. */
  readonly #strangers: FreshConnections;
  /** Below TLS. */
  readonly #raw = new Map<string, Socket>();

  /** `refused`: for the log. */
  constructor(opening: Opening, onControl: (entered: Entered) => void, refused: (why: string) => void) {
    this.#opening = opening;
    this.#hash = Buffer.from(opening.sessionHash, 'base64url');
    this.#strangers = new FreshConnections({
      maxPending: mostStrangers,
      timeoutMs: handshakeTimeoutMs,
      log: (_level, text) => {
        refused(text);
      },
    });
    const { certificate, key } = opening.identity;
    this.#server = createServer({
      cert: certificate,
      key,
      minVersion: 'TLSv1.3',
      handshakeTimeout: handshakeTimeoutMs,
    });
    this.#server.headersTimeout = handshakeTimeoutMs;
    this.#server.on('request', (_message, response) => {
      response.writeHead(426, { Connection: 'close' }).end();
    });
    this.#server.on('tlsClientError', (error, socket) => {
      refused(`no TLS connection: ${error.message}`);
      socket.destroy();
    });
    this.#server.on('upgrade', (message, _stream, head) => {
      const { socket } = message;
      socket.on('error', () => undefined); // who uses it finds it destroyed
      const read = readUpgrade(message);
      const refusal = read instanceof Refusal ? read : this.#refusal(read, message.headers.authorization);
      if (refusal === undefined && !(read instanceof Refusal)) {
        const raw = this.#raw.get(peerOf(socket));
        if (raw !== undefined) this.#strangers.settled(raw);
        onControl({ purpose: read.purpose, request: read.request, socket, head });
        return;
      }
      refused(refusal?.error.message ?? 'refused');
      if (refusal !== undefined) turnAway(socket, refusal);
    });
  }

  /** A connection of which `head` has been read. */
  take(socket: Socket, head: Buffer): void {
    if (!this.#strangers.add(socket)) return;
    const peer = peerOf(socket);
    this.#raw.set(peer, socket);
    socket.once('close', () => {
      this.#raw.delete(peer);
    });
    socket.unshift(head);
    this.#server.emit('connection', socket);
  }

  #refusal(
    { kind, migrationId, purpose }: { kind: string; migrationId: string; purpose: string },
    authorization: string | undefined,
  ): Refusal | undefined {
    const shown = secretOfBearer(authorization);
    const isKnown = shown !== undefined && timingSafeEqual(hashOf(shown), this.#hash);
    if (!isKnown) return refuse('the session is not that of this migration');
    const { migrationId: own, purpose: opened } = this.#opening;
    const fits = kind === 'control' && migrationId === own && (purpose === opened || purpose === 'resume');
    return fits ? undefined : refuse('the session is not for that');
  }
}

function refuse(why: string): Refusal {
  return new Refusal(401, new GodwitError('NOT_ALLOWED', `the target refused: ${why}`));
}

// Where those come who may bring a tree: over TLS, with a key, a certificate, or the session of a migration that began before
// (src/transport/front-door.ts is their half). Nothing is started for anybody else.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { GodwitError } from '../../errors.ts';
import { doorPath, secretOfBearer } from '../../transport/front-door.ts';
import type { DoorPurpose } from '../../transport/front-door.ts';
import { migrationIdPattern } from '../../transport/message-fields.ts';
import { problemOf } from '../../transport/problem.ts';
import { pinOf, secretBytes } from '../../transport/transfer-key.ts';
import type { LogLevel } from '../session.ts';
import { Refusal, turnAway } from '../upgrade.ts';
import type { Opening } from '../worker-messages.ts';
import { Attempts } from './attempts.ts';
import { hashOf, KeyRing } from './key-ring.ts';
import type { KeyUse } from './key-ring.ts';
import type { TargetSecurity } from './target-security.ts';

export interface FrontDoorOptions {
  readonly security: Exclude<TargetSecurity, { kind: 'plaintext' }>;
  readonly timeoutMs: number;
  readonly log: (level: LogLevel, text: string) => void;
  /** SHA-256 of the secret of a migration that this host has or had. */
  readonly sessionOf: (migrationId: string) => Buffer | undefined;
  /** Starts the worker that is let in; `use`: what it costs. A refusal: not now. */
  readonly open: (opening: Opening, use: KeyUse | undefined) => Promise<Refusal | undefined>;
  /** Who was let in has left the door: it has come in, or will not. */
  readonly deserted: (opening: Opening) => void;
}

interface Wanted {
  readonly migrationId: string;
  readonly purpose: DoorPurpose;
  readonly of: string;
}

interface Admission {
  readonly secret: Buffer;
  readonly use: KeyUse | undefined;
}

/** Connections at once. */
const mostGuests = 64;
/** A visit may take so many times the patience for a handshake: TLS, the request, the start of a worker, the way in. */
const mostVisits = 4;

export class FrontDoor {
  readonly #options: FrontDoorOptions;
  readonly #server: Server;
  readonly #attempts = new Attempts();
  readonly #guests = new Set<Socket>();
  readonly #keys: KeyRing | undefined;

  constructor(options: FrontDoorOptions) {
    this.#options = options;
    const { security, timeoutMs } = options;
    const { identity } = security;
    this.#keys =
      security.kind === 'key' ? new KeyRing({ ...security, pin: pinOf(identity.certificate) }) : undefined;
    this.#server = createServer({
      cert: identity.certificate,
      key: identity.key,
      minVersion: 'TLSv1.3',
      handshakeTimeout: timeoutMs,
      keepAlive: false,
      ...(security.kind === 'certificates' && {
        ca: security.ca,
        requestCert: true,
        rejectUnauthorized: true,
      }),
    });
    this.#server.headersTimeout = timeoutMs;
    this.#server.requestTimeout = timeoutMs;
    this.#server.maxRequestsPerSocket = 1;
    this.#server.on('request', (message, response) => {
      void this.#answer(message, response);
    });
    this.#server.on('upgrade', (message) => {
      turnAway(message.socket, notHere());
    });
    this.#server.on('tlsClientError', (error, socket) => {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ECONNRESET') this.#failed(socket.remoteAddress, `no TLS connection: ${error.message}`);
      socket.destroy();
    });
  }

  /** A connection whose bytes nobody has taken. */
  welcome(socket: Socket): void {
    if (!this.#attempts.mayTry(socket.remoteAddress ?? '') || this.#guests.size >= mostGuests) {
      socket.destroy();
      return;
    }
    this.#guests.add(socket);
    const timer = setTimeout(() => {
      socket.destroy();
    }, mostVisits * this.#options.timeoutMs);
    socket.once('close', () => {
      clearTimeout(timer);
      this.#guests.delete(socket);
    });
    this.#server.emit('connection', socket);
  }

  close(): void {
    this.#keys?.close();
    this.#server.close();
    for (const socket of this.#guests) socket.destroy();
  }

  async #answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { opening, secret } = await this.#admit(message);
      // The answer has no end: that it is still there says that the source is coming.
      if (message.socket.destroyed) {
        this.#options.deserted(opening);
        return;
      }
      response.once('close', () => {
        this.#options.deserted(opening);
      });
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.write(`${JSON.stringify({ session: secret.toString('base64url') })}\n`);
    } catch (thrown) {
      const refusal = thrown instanceof Refusal ? thrown : new Refusal(500, internal(thrown));
      this.#options.log('warning', `${message.socket.remoteAddress ?? '?'}: ${refusal.error.message}`);
      if (refusal.status === 401) this.#attempts.failed(message.socket.remoteAddress ?? '');
      send(response, refusal.status, { godwit: problemOf(refusal.error) });
    }
  }

  /** @throws Refusal */
  async #admit(message: IncomingMessage): Promise<{ opening: Opening; secret: Buffer }> {
    // Once more: many may have come in before the first of them has failed.
    if (!this.#attempts.mayTry(message.socket.remoteAddress ?? '')) throw tooMany();
    const wanted = readWanted(message);
    const admission = this.#authorized(message, wanted);
    const { identity } = this.#options.security;
    const { migrationId, purpose, of } = wanted;
    const sessionHash = hashOf(admission.secret).toString('base64url');
    const opening: Opening = { kind: 'open', migrationId, purpose, of, sessionHash, identity };
    try {
      const refusal = await this.#options.open(opening, admission.use);
      if (refusal === undefined) return { opening, secret: admission.secret };
      throw refusal;
    } catch (error) {
      admission.use?.giveBack();
      throw error;
    }
  }

  #authorized(message: IncomingMessage, { purpose, of }: Wanted): Admission {
    const { security, sessionOf } = this.#options;
    if (security.kind === 'certificates') requireName(message, security.allow);
    const shown = secretOfBearer(message.headers.authorization);
    if (purpose !== 'migrate') {
      const expected = sessionOf(of);
      if (expected === undefined)
        throw new Refusal(404, new GodwitError('NO_PROCESS', `the target knows no migration ${of}`));
      if (shown === undefined || !timingSafeEqual(hashOf(shown), expected))
        throw notAllowed(`migration ${of} began with another session than this one`);
      return { secret: shown, use: undefined };
    }
    const secret = randomBytes(secretBytes);
    if (this.#keys === undefined) return { secret, use: undefined };
    const use = shown === undefined ? 'no key was given' : this.#keys.reserve(shown);
    if (typeof use === 'string') throw notAllowed(use);
    return { secret, use };
  }

  #failed(address: string | undefined, why: string): void {
    this.#attempts.failed(address ?? '');
    this.#options.log('warning', `${address ?? '?'}: ${why}`);
  }
}

function readWanted(message: IncomingMessage): Wanted {
  const [path, query = ''] = (message.url ?? '').split('?', 2);
  if (message.method !== 'POST' || path !== doorPath)
    throw new Refusal(404, new GodwitError('VERSION', 'this target has no such door'));
  const parameters = new URLSearchParams(query);
  const migrationId = parameters.get('migration') ?? '';
  const of = parameters.get('of') ?? migrationId;
  const purpose = parameters.get('purpose');
  const isKnown = purpose === 'migrate' || purpose === 'resolve' || purpose === 'post-copy';
  const isOther = of !== migrationId && purpose !== 'post-copy';
  if (!isKnown || isOther || !migrationIdPattern.test(migrationId) || !migrationIdPattern.test(of))
    throw new Refusal(400, new GodwitError('PROTOCOL', 'the target refused the connection: a bad request'));
  return { migrationId, purpose, of };
}

/** The handshake has proven that the certificate is of our CA. */
function requireName({ socket }: IncomingMessage, allow: readonly string[]): void {
  const subject =
    socket instanceof TLSSocket && socket.authorized ? socket.getPeerCertificate().subject : undefined;
  if (subject === undefined) throw notAllowed('a certificate is needed');
  if (allow.length === 0 || allow.includes(String(subject.CN))) return;
  throw notAllowed(`receive was not told to --allow ${JSON.stringify(subject.CN)}`);
}

function notAllowed(why: string): Refusal {
  const hint = 'nothing about the process was sent; use the line that receive prints on the target';
  return new Refusal(401, new GodwitError('NOT_ALLOWED', `the target refused: ${why}`, { hint }));
}

/** A control connection for a worker that has gone. */
function notHere(): Refusal {
  return new Refusal(404, new GodwitError('PEER', 'the target knows no such migration that goes on'));
}

function tooMany(): Refusal {
  return new Refusal(
    429,
    new GodwitError('LIMIT', 'too many have failed here: the target lets nobody in for a while'),
  );
}

function internal(thrown: unknown): GodwitError {
  return new GodwitError('INTERNAL', 'the target could not open a migration', { cause: thrown });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    Connection: 'close',
  });
  response.end(text);
}

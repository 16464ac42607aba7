// From host:port to a connected socket, and to TLS on it, with one sentence for each way it can fail.
import { connect as connectSocket } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { asGodwitError, GodwitError } from '../errors.ts';
import { formatEndpoint } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import type { Certificates } from './security.ts';
import { pinOf } from './transfer-key.ts';

/** Errors of dialling that say nothing about the target: there may be no way to it at the moment. */
const passing = new WeakSet();

/** Whether another attempt may end otherwise. */
export function isPassingProblem(error: unknown): boolean {
  return passing.has(error as WeakKey);
}

export function lost(error: GodwitError): GodwitError {
  passing.add(error);
  return error;
}

/** @throws GodwitError PEER, or the signal's reason */
export async function reach(endpoint: Endpoint, timeoutMs: number, signal?: AbortSignal): Promise<Socket> {
  const socket = connectSocket({ host: endpoint.address, port: endpoint.port, noDelay: true });
  return await established(socket, 'connect', { endpoint, timeoutMs, signal, problem: unreachable });
}

/** Who is to be at the other end: whoever has the key of that hash, or a host of that name, by a certificate of that CA. */
export type Expected =
  { readonly pin: Buffer } | { readonly certificates: Certificates; readonly host: string };

export interface SecureOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Which migration it is for (RFC 6066, 3); absent: the front door. */
  readonly serverName?: string;
  /** To be shown, where the target asks. */
  readonly certificates?: Certificates | undefined;
}

export interface Secured {
  readonly socket: TLSSocket;
  /** The peer's (TransferKey). */
  readonly pin: Buffer;
}

/** TLS 1.3 on a connected socket. Nothing but the handshake has been said when it returns. @throws GodwitError PEER */
export async function secure(
  socket: Socket,
  endpoint: Endpoint,
  expected: Expected,
  { timeoutMs, signal, serverName, certificates }: SecureOptions,
): Promise<Secured> {
  const shown = certificates ?? ('certificates' in expected ? expected.certificates : undefined);
  const options: ConnectionOptions = {
    socket,
    minVersion: 'TLSv1.3',
    ...(serverName !== undefined && { servername: serverName }),
    ...(shown && { cert: shown.certificate, key: shown.key }),
    // A pinned certificate has signed itself: who it is tells its key alone (below).
    ...('pin' in expected
      ? { rejectUnauthorized: false }
      : { ca: expected.certificates.ca, host: expected.host }),
  };
  const secured = connectTls(options);
  socket.on('error', () => undefined); // comes from `secured` too
  await established(secured, 'secureConnect', { endpoint, timeoutMs, signal, problem: notSecure });
  const certificate = secured.getPeerX509Certificate(); // Node gives it once
  const pin = certificate && pinOf(certificate);
  if (pin === undefined || ('pin' in expected && !pin.equals(expected.pin))) {
    secured.destroy();
    throw new GodwitError('PEER', `${written(endpoint)} is not the target that the key was made by`, {
      hint: 'another host has its address, or its receive has a new certificate: use the line that it prints now. Nothing was sent',
    });
  }
  return { socket: secured, pin };
}

interface Waiting {
  readonly endpoint: Endpoint;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly problem: (endpoint: Endpoint, why: string, cause?: unknown) => GodwitError;
}

async function established<S extends Socket>(
  socket: S,
  event: 'connect' | 'secureConnect',
  { endpoint, timeoutMs, signal, problem }: Waiting,
): Promise<S> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      fail(lost(problem(endpoint, `no answer for ${timeoutMs} ms`)));
    }, timeoutMs);
    const onAbort = (): void => {
      fail(asGodwitError(signal?.reason));
    };
    const onError = (error: NodeJS.ErrnoException): void => {
      const known = problem(endpoint, reasons[error.code ?? ''] ?? error.message, error);
      // Where nothing listens any more nobody waits for us either; and a certificate stays what it is.
      fail(error.code === 'ECONNREFUSED' || isAboutCertificates(error) ? known : lost(known));
    };
    const onClose = (): void => {
      fail(lost(problem(endpoint, 'it closed the connection')));
    };
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.removeListener('error', onError);
      socket.removeListener('close', onClose);
    };
    const fail = (error: GodwitError): void => {
      settle();
      socket.on('error', () => undefined);
      socket.destroy();
      reject(error);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.on('error', onError);
    socket.on('close', onClose);
    socket.once(event, () => {
      settle();
      resolve(socket);
    });
  });
}

function isAboutCertificates({ code }: NodeJS.ErrnoException): boolean {
  return code !== undefined && /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_|DEPTH_|SELF_|HOSTNAME_)/.test(code);
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

function notSecure(endpoint: Endpoint, why: string, cause?: unknown): GodwitError {
  return new GodwitError('PEER', `no encrypted connection to ${written(endpoint)}: ${why}`, {
    hint: 'does "godwit receive" listen there, without --plaintext, and with certificates of the same CA where there are any?',
    cause,
  });
}

export function notGodwit(endpoint: Endpoint, why: string, cause?: unknown): GodwitError {
  return new GodwitError('PEER', `${written(endpoint)} does not answer as a Godwit target: ${why}`, {
    hint: 'check address and port of "godwit receive --listen" on the target',
    cause,
  });
}

function written({ host, port }: Endpoint): string {
  return formatEndpoint({ address: host, port });
}

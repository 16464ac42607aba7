// `receive --listen`: accepts connections, reads no more of them than tells whose they are, and gives each migration to a worker
// process of its own. It holds no state of a migration: killed and started again, it serves the same ones, because
// what must outlive it stands with the keepers.
import { createServer } from 'node:http';
import type { IncomingMessage, Server as HttpServer } from 'node:http';
import { createServer as createRawServer } from 'node:net';
import type { Server } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { GodwitError } from '../errors.ts';
import { mustReadJournal } from '../kernel/journal.ts';
import { listMigrations, migrationDir } from '../kernel/run-dir.ts';
import { packageRoot } from '../native.ts';
import { formatEndpoint } from '../transport/endpoint.ts';
import type { Endpoint } from '../transport/endpoint.ts';
import { handshakeTimeoutMs } from '../transport/limits.ts';
import { FreshConnections, peerOf } from './fresh-connections.ts';
import { silence } from './hand-over.ts';
import { listen, plaintextWarning, resolveListen } from './listen.ts';
import type { Allowed } from './security/allowed.ts';
import { enter } from './security/entrance.ts';
import { FrontDoor } from './security/front-door.ts';
import type { TargetSecurity } from './security/target-security.ts';
import type { LogLevel } from './session.ts';
import { readUpgrade, Refusal, turnAway } from './upgrade.ts';
import { Workers } from './workers.ts';

export interface DaemonOptions {
  /** [addr:]port */
  readonly listen: string;
  readonly security: TargetSecurity;
  /** Default: everybody's. */
  readonly allowed?: Allowed;
  /** Descriptors of this process that trees may take. */
  readonly given?: readonly number[];
  readonly log: (level: LogLevel, text: string) => void;
  /** What a worker process runs; the default restores processes. */
  readonly workerModule?: URL;
  readonly workerExecArgv?: readonly string[];
  /** Milliseconds until a connection must have sent its HTTP head. */
  readonly handshakeTimeoutMs?: number;
  /** Connections without an HTTP head, and workers without a hello, at once. */
  readonly maxPending?: number;
  readonly maxWorkers?: number;
  /** How long stop waits for workers before and after PREPARED. */
  readonly graceMs?: number;
  readonly finishMs?: number;
}

export class Daemon {
  readonly endpoint: Endpoint;
  readonly #server: Server;
  readonly #workers: Workers;
  readonly #stopServer: () => void;

  constructor(endpoint: Endpoint, server: Server, workers: Workers, stopServer: () => void) {
    this.endpoint = endpoint;
    this.#server = server;
    this.#workers = workers;
    this.#stopServer = stopServer;
  }

  /** Accepts nothing more, ends the workers before PREPARED, and waits for the others for a while. */
  async stop(): Promise<void> {
    this.#stopServer();
    await this.#workers.stop();
    this.#server.unref();
  }
}

/** @throws GodwitError USAGE, NO_RIGHTS, SYSCALL: it cannot listen there. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { log, security } = options;
  const maxPending = options.maxPending ?? 64;
  const timeoutMs = options.handshakeTimeoutMs ?? handshakeTimeoutMs;
  const wanted = await resolveListen(options.listen);
  const workers = new Workers({
    log,
    module: options.workerModule ?? defaultWorkerModule(),
    execArgv: options.workerExecArgv ?? process.execArgv,
    given: options.given ?? [],
    allowed: options.allowed ?? { root: true, users: [] },
    maxPending,
    maxWorkers: options.maxWorkers ?? 256,
    graceMs: options.graceMs ?? 3000,
    finishMs: options.finishMs ?? 10_000,
  });
  const fresh = new FreshConnections({ maxPending, timeoutMs, log });
  const http = webSocketServer(workers, fresh, { timeoutMs, log, isOpen: security.kind === 'plaintext' });
  const door =
    security.kind === 'plaintext'
      ? undefined
      : new FrontDoor({
          security,
          timeoutMs,
          log,
          sessionOf: (id) => sessionOf(workers, id),
          open: async (opening, use) => workers.open(opening, use),
          deserted: (opening) => {
            workers.deserted(opening);
          },
        });
  const server = door === undefined ? http : encryptingServer(door, http, workers, fresh, log);
  server.on('connection', (socket) => {
    socket.setNoDelay(true);
  });
  const endpoint = await listen(server, wanted).catch((error: unknown) => {
    door?.close();
    throw error;
  });
  server.on('error', (error) => {
    log('error', `the listening socket failed: ${error.message}`);
  });
  const warning = security.kind === 'plaintext' ? plaintextWarning(endpoint) : undefined;
  if (warning !== undefined) log('warning', warning);
  for (const { id, role } of listMigrations()) {
    if (role !== 'target') continue;
    log(
      'warning',
      `migration ${id} is not over on this host; "godwit resolve ${id}" on its source settles it`,
    );
  }
  const stopServer = (): void => {
    server.close();
    door?.close();
    fresh.destroy();
  };
  return new Daemon(endpoint, server, workers, stopServer);
}

/** The one line that tells scripts that connections are accepted from now on. */
export function readyLine(daemon: Daemon): string {
  return `listening on ${formatEndpoint(daemon.endpoint)}`;
}

function defaultWorkerModule(): URL {
  if (import.meta.url.endsWith('.ts')) return new URL('./worker-process.ts', import.meta.url);
  return pathToFileURL(join(packageRoot, 'dist/target/worker-process.js')); // this module lies in a bundle
}

/** SHA-256 of the secret of a migration that goes on here, or whose tree stands or runs here: also of one before this daemon. */
function sessionOf(workers: Workers, id: string): Buffer | undefined {
  const records = mustReadJournal(migrationDir(id, 'target'));
  const [record] = records.filter(({ state }) => state === 'STAGING');
  const hash = record === undefined ? workers.sessionOf(id) : record['session'];
  return typeof hash === 'string' ? Buffer.from(hash, 'base64url') : undefined;
}

interface ServerOptions {
  readonly timeoutMs: number;
  readonly log: DaemonOptions['log'];
  /** Nothing is encrypted: control connections come this way too. */
  readonly isOpen: boolean;
}

/** Connections that are not TLS: all of them, or those of pages. */
function webSocketServer(
  workers: Workers,
  fresh: FreshConnections,
  { timeoutMs, log, isOpen }: ServerOptions,
): HttpServer {
  const server = createServer({ keepAlive: false, noDelay: true });
  server.headersTimeout = timeoutMs;
  server.requestTimeout = timeoutMs;
  if (isOpen)
    server.on('connection', (socket) => {
      fresh.add(socket);
    });
  server.on('request', (_message, response) => {
    response.writeHead(426, { Connection: 'close', 'Content-Type': 'text/plain' });
    response.end('This is godwit receive. Use "godwit migrate --to" on the source.\n');
  });
  server.on('upgrade', (message, socket, head) => {
    onUpgrade(workers, message, socket, head, { log, isOpen, fresh });
  });
  server.on('clientError', (error, socket) => {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET')
      log('warning', `${peerOf(socket)}: is no Godwit source: ${error.message}`);
    socket.destroy();
  });
  return server;
}

function encryptingServer(
  door: FrontDoor,
  http: HttpServer,
  workers: Workers,
  fresh: FreshConnections,
  log: DaemonOptions['log'],
): Server {
  return createRawServer({ noDelay: true }, (socket) => {
    if (!fresh.add(socket)) return;
    enter(socket, {
      door,
      http,
      settled: (known) => {
        fresh.settled(known);
      },
      isHere: (migrationId) => workers.sessionOf(migrationId) !== undefined,
      onTls: (migrationId, quiet) => {
        workers.serveTls(migrationId, quiet).catch((error: unknown) => {
          quiet.socket.destroy();
          log('error', `migration ${migrationId}: a connection was lost: ${String(error)}`);
        });
      },
    });
  });
}

function onUpgrade(
  workers: Workers,
  message: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  { log, isOpen, fresh }: Pick<ServerOptions, 'log' | 'isOpen'> & { readonly fresh: FreshConnections },
): void {
  const peer = peerOf(message.socket);
  const request = readUpgrade(message);
  const refusal =
    request instanceof Refusal
      ? request
      : isOpen || request.kind === 'pages'
        ? workers.refusal(request)
        : encryptedOnly();
  if (refusal !== undefined || request instanceof Refusal) {
    const { status, error } = refusal ?? new Refusal(500, new GodwitError('INTERNAL', 'refused'));
    log('warning', `${peer}: ${error.message}`);
    turnAway(socket, new Refusal(status, error));
    return;
  }
  fresh.settled(socket);
  const quiet = silence(socket, head);
  if (quiet === undefined) return;
  workers.serve(request, quiet).catch((error: unknown) => {
    quiet.socket.destroy();
    log('error', `migration ${request.migrationId}: no worker could be started: ${String(error)}`);
  });
}

function encryptedOnly(): Refusal {
  return new Refusal(
    403,
    new GodwitError('NOT_ALLOWED', 'the target takes encrypted connections only', {
      hint: 'leave --plaintext out, and give --key or --tls-dir; or start receive with --plaintext too',
    }),
  );
}

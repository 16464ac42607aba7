// `receive --listen`: accepts connections, reads nothing but their HTTP head, and gives each migration to a worker
// process of its own. It holds no state of a migration: killed and started again, it serves the same ones, because
// what must outlive it stands with the keepers.
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { GodwitError } from '../errors.ts';
import { listMigrations } from '../kernel/run-dir.ts';
import { packageRoot } from '../native.ts';
import { formatEndpoint } from '../transport/endpoint.ts';
import type { Endpoint } from '../transport/endpoint.ts';
import { handshakeTimeoutMs } from '../transport/limits.ts';
import { refusalResponse } from '../transport/refusal.ts';
import { silence } from './hand-over.ts';
import { listen, plaintextWarning, resolveListen } from './listen.ts';
import type { LogLevel } from './session.ts';
import { readUpgrade, Refusal } from './upgrade.ts';
import { Workers } from './workers.ts';

export interface DaemonOptions {
  /** [addr:]port */
  readonly listen: string;
  readonly plaintext: boolean;
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
  const { log } = options;
  const maxPending = options.maxPending ?? 64;
  const wanted = await resolveListen(options.listen, options.plaintext);
  const workers = new Workers({
    log,
    module: options.workerModule ?? defaultWorkerModule(),
    execArgv: options.workerExecArgv ?? process.execArgv,
    given: options.given ?? [],
    maxPending,
    maxWorkers: options.maxWorkers ?? 256,
    graceMs: options.graceMs ?? 3000,
    finishMs: options.finishMs ?? 10_000,
  });
  const server = createServer({ keepAlive: false, noDelay: true });
  const fresh = new Set<Duplex>();
  const timeoutMs = options.handshakeTimeoutMs ?? handshakeTimeoutMs;
  watchFreshConnections(server, fresh, { maxPending, timeoutMs, log });
  server.on('request', (_message, response) => {
    response.writeHead(426, { Connection: 'close', 'Content-Type': 'text/plain' });
    response.end('This is godwit receive. Use "godwit migrate --to" on the source.\n');
  });
  server.on('upgrade', (message, socket, head) => {
    fresh.delete(socket);
    onUpgrade(workers, message, socket, head, log);
  });
  const endpoint = await listen(server, wanted);
  server.on('error', (error) => {
    log('error', `the listening socket failed: ${error.message}`);
  });
  const warning = plaintextWarning(endpoint);
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
    for (const socket of fresh) socket.destroy();
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

/** Connections that have not sent an HTTP head: few, and not for long. */
function watchFreshConnections(
  server: Server,
  fresh: Set<Duplex>,
  limits: { maxPending: number; timeoutMs: number; log: DaemonOptions['log'] },
): void {
  const { maxPending, timeoutMs, log } = limits;
  server.headersTimeout = timeoutMs;
  server.requestTimeout = timeoutMs;
  server.on('connection', (socket) => {
    const peer = peerOf(socket);
    if (fresh.size >= maxPending) {
      log('warning', `${peer}: refused, ${fresh.size} connections already wait for their first word`);
      socket.destroy();
      return;
    }
    fresh.add(socket);
    const timer = setTimeout(() => {
      if (!fresh.delete(socket)) return;
      log('warning', `${peer}: said nothing for ${timeoutMs} ms`);
      socket.destroy();
    }, timeoutMs);
    timer.unref();
    socket.once('close', () => {
      clearTimeout(timer);
      fresh.delete(socket);
    });
  });
  server.on('clientError', (error, socket) => {
    const peer = socket instanceof Socket ? peerOf(socket) : '?';
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') {
      log('warning', `${peer}: is no Godwit source: ${error.message}`);
    }
    socket.destroy();
  });
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return formatEndpoint({ address: remoteAddress ?? '?', port: remotePort ?? 0 });
}

function onUpgrade(
  workers: Workers,
  message: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  log: DaemonOptions['log'],
): void {
  const peer = peerOf(message.socket);
  const request = readUpgrade(message);
  const refusal = request instanceof Refusal ? request : workers.refusal(request);
  if (refusal !== undefined || request instanceof Refusal) {
    const { status, error } = refusal ?? new Refusal(500, new GodwitError('INTERNAL', 'refused'));
    log('warning', `${peer}: ${error.message}`);
    socket.on('error', () => undefined);
    socket.end(refusalResponse(status, error));
    return;
  }
  const quiet = silence(socket, head);
  if (quiet === undefined) return;
  workers.serve(request, quiet).catch((error: unknown) => {
    quiet.socket.destroy();
    log('error', `migration ${request.migrationId}: no worker could be started: ${String(error)}`);
  });
}

// The worker processes of the daemon, one for each migration: started with its control connection, given its page
// connections, and watched to their end. A worker that crashes takes nothing with it but its own migration.
import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { GodwitError } from '../errors.ts';
import { migrationDir } from '../kernel/run-dir.ts';
import { sweepAfterMs, sweepProbes } from '../kernel/probes/freezer.ts';
import { oomKills } from './scarce-memory.ts';
import { givingArguments } from './given-descriptors.ts';
import { handOver } from './hand-over.ts';
import type { QuietSocket } from './hand-over.ts';
import { allowedArgument, type Allowed } from './security/allowed.ts';
import type { KeyUse } from './security/key-ring.ts';
import type { LogLevel } from './session.ts';
import { Refusal } from './upgrade.ts';
import { ended, within } from './within.ts';
import type { FromWorker, Opening, ToWorker, WebSocketRequest } from './worker-messages.ts';

export interface WorkersOptions {
  readonly log: (level: LogLevel, text: string) => void;
  /** What a worker runs; it must call serveWorker. */
  readonly module: URL;
  /** Options of node for workers; the default are those of this process. */
  readonly execArgv: readonly string[];
  /** Descriptors of this process that trees may take (--inherit-fd). */
  readonly given: readonly number[];
  /** Whose trees it takes. */
  readonly allowed: Allowed;
  /** Migrations at once. */
  readonly maxWorkers: number;
  /** Workers whose peer has not said hello. */
  readonly maxPending: number;
  /** How long stop waits for a worker before PREPARED, and for one after it. */
  readonly graceMs: number;
  readonly finishMs: number;
}

interface Worker {
  readonly process: ChildProcess;
  readonly name: string;
  readonly exited: Promise<unknown>;
  /** Settled when it listens, or has ended. */
  readonly ready: Promise<unknown>;
  readonly opening: Opening | undefined;
  readonly use: KeyUse | undefined;
  greeted: boolean;
  finishing: boolean;
}

/** What workers are for, in the log. */
const what = { migrate: 'migration', resume: 'migration', resolve: 'resolve of migration', 'post-copy': 'post-copy' }; // prettier-ignore

type Request = Omit<WebSocketRequest, 'head'>;

export class Workers {
  readonly #options: WorkersOptions;
  readonly #workers = new Map<string, Worker>();
  #stopping = false;

  constructor(options: WorkersOptions) {
    this.#options = options;
  }

  /** Why a request is not to be served now; undefined: serve may be called. */
  refusal({
    kind,
    migrationId,
    purpose,
  }: Pick<Request, 'kind' | 'migrationId' | 'purpose'>): Refusal | undefined {
    const worker = this.#workers.get(migrationId);
    if (this.#stopping) return refuse(503, 'PEER', 'receive is being stopped on the target');
    if (kind === 'pages' || purpose === 'resume') {
      if (worker !== undefined) return undefined;
      return refuse(404, 'PEER', `the target knows no running migration ${migrationId}`);
    }
    if (worker !== undefined && purpose !== 'resolve') {
      return refuse(409, 'REFUSED', `migration ${migrationId} is already running on the target`);
    }
    const pending = [...this.#workers.values()].filter(({ greeted }) => !greeted).length;
    if (pending >= this.#options.maxPending || this.#workers.size >= this.#options.maxWorkers) {
      return refuse(503, 'LIMIT', `the target already serves ${this.#workers.size} migrations`);
    }
    return undefined;
  }

  /** Hands the socket to the worker of the migration; a control connection gets a new one, unless it takes the place of another. */
  async serve(request: Request, socket: QuietSocket): Promise<void> {
    let worker = this.#workers.get(request.migrationId);
    if (request.kind === 'control' && request.purpose !== 'resume') {
      if (worker !== undefined) await this.#supersede(request.migrationId, worker);
      worker = this.#start(request);
    }
    if (worker === undefined || this.#stopping) {
      socket.socket.destroy();
      return;
    }
    const { name } = worker;
    await worker.ready;
    handOver(worker.process, request, socket, (error) => {
      this.#options.log('warning', `${name}: a ${request.kind} connection was lost: ${error.message}`);
    });
  }

  /** Starts the worker of a migration that has been let in. A refusal: not now. */
  async open(opening: Opening, use: KeyUse | undefined): Promise<Refusal | undefined> {
    const { migrationId, purpose } = opening;
    const refusal = this.refusal({ ...opening, kind: 'control' });
    if (refusal !== undefined) return refusal;
    if (purpose !== 'resolve' && existsSync(migrationDir(migrationId, 'target')))
      return refuse(409, 'REFUSED', `migration ${migrationId} is on the target already`);
    const before = this.#workers.get(migrationId);
    if (before !== undefined) await this.#supersede(migrationId, before);
    await this.#start({ migrationId, purpose }, opening, use).ready;
    return undefined;
  }

  /** It ends, unless its control connection stands. */
  deserted(opening: Opening): void {
    const worker = this.#workers.get(opening.migrationId);
    if (worker?.opening === opening) this.#send(worker, { kind: 'deserted' });
  }

  /** A TLS connection for the worker of a migration. */
  async serveTls(migrationId: string, socket: QuietSocket): Promise<void> {
    const worker = this.#workers.get(migrationId);
    if (worker?.opening === undefined || this.#stopping) {
      socket.socket.destroy();
      return;
    }
    await worker.ready;
    handOver(worker.process, { kind: 'tls' }, socket, (error) => {
      this.#options.log('warning', `${worker.name}: a connection was lost: ${error.message}`);
    });
  }

  /** SHA-256 of the secret of a migration that is under way here, base64url. */
  sessionOf(migrationId: string): string | undefined {
    return this.#workers.get(migrationId)?.opening?.sessionHash;
  }

  /** Ends the workers: at once before PREPARED, at the end of their session after it. Restored trees go on. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.#workers.values()].map(async (worker) => this.#end(worker)));
  }

  /**
   * Whoever resolves a migration speaks with its keeper: the worker before it lets go of its connection, which may be
   * a dead link, and comes to its end. If it does not, it is killed: that is safe at any moment, by design.
   */
  async #supersede(migrationId: string, worker: Worker): Promise<void> {
    this.#options.log('warning', `${worker.name}: ended, because it is being resolved`);
    this.#send(worker, { kind: 'yield' });
    if (!(await within(this.#options.graceMs, worker.exited))) worker.process.kill('SIGKILL');
    await worker.exited;
    this.#workers.delete(migrationId);
  }

  #start(
    { migrationId, purpose }: Pick<Request, 'migrationId' | 'purpose'>,
    opening?: Opening,
    use?: KeyUse,
  ): Worker {
    const { given, allowed } = this.#options;
    const child = fork(
      fileURLToPath(this.#options.module),
      [...givingArguments(given), allowedArgument(allowed)],
      {
        execArgv: [...this.#options.execArgv],
        stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...given],
      },
    );
    const name = `${what[purpose]} ${migrationId}`;
    const killed = oomKills();
    const exited = ended(child);
    const ready = Promise.race([once(child, 'message').catch(() => undefined), exited]);
    const worker: Worker = {
      process: child,
      name,
      exited,
      ready,
      opening,
      use,
      greeted: false,
      finishing: false,
    };
    this.#workers.set(migrationId, worker);
    if (opening !== undefined) this.#send(worker, opening);
    child.on('message', (message) => {
      this.#told(worker, message as FromWorker);
    });
    child.on('error', (error) => {
      if (child.pid === undefined) this.#gone(migrationId, worker);
      this.#options.log('error', `${name}: its worker cannot be reached: ${error.message}`);
    });
    child.once('exit', (code, signal) => {
      this.#gone(migrationId, worker);
      if (code === 0) this.#options.log('info', `${name}: over`);
      else {
        const isShort = oomKills() > killed ? ' (the kernel kills for lack of memory)' : '';
        const how = signal === null ? `ended with code ${code ?? -1}` : `was killed by ${signal}${isShort}`;
        this.#options.log('error', `${name}: its worker ${how}`);
        if (signal !== null) setTimeout(sweepProbes, sweepAfterMs).unref();
      }
    });
    return worker;
  }

  #gone(migrationId: string, worker: Worker): void {
    worker.use?.giveBack();
    if (this.#workers.get(migrationId) === worker) this.#workers.delete(migrationId);
  }

  #told(worker: Worker, message: FromWorker): void {
    if (message.kind === 'greeted') worker.greeted = true;
    else if (message.kind === 'landed') worker.use?.spend();
    else if (message.kind === 'finishing') worker.finishing = true;
    else if (message.kind === 'log') this.#options.log(message.level, `${worker.name}: ${message.text}`);
  }

  #send(worker: Worker, message: ToWorker): void {
    if (worker.process.connected) worker.process.send(message, () => undefined);
  }

  async #end(worker: Worker): Promise<void> {
    this.#send(worker, { kind: 'stop' });
    if (await within(this.#options.graceMs, worker.exited)) return;
    if (!worker.finishing) {
      worker.process.kill('SIGKILL');
      await worker.exited;
      return;
    }
    this.#options.log('warning', `${worker.name}: stands PREPARED or runs; its worker goes on to the end`);
    if (await within(this.#options.finishMs, worker.exited)) return;
    if (worker.process.connected) worker.process.disconnect();
    worker.process.unref();
  }
}

function refuse(status: number, code: 'PEER' | 'REFUSED' | 'LIMIT', message: string): Refusal {
  return new Refusal(
    status,
    new GodwitError(code, message, { hint: 'see the log of receive on the target' }),
  );
}

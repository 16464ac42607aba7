// A worker process of `receive`, from the inside: takes sockets from the daemon, does the WebSocket handshake and
// the greeting, and runs one session. Its death is harmless at any moment: the keeper cleans up behind it.
import type { Socket } from 'node:net';
import { machine, release } from 'node:os';
import { asGodwitError, GodwitError } from '../errors.ts';
import { bootId } from '../kernel/boot-id.ts';
import { ControlConnection } from '../transport/control-connection.ts';
import { acceptGreeting } from '../transport/handshake.ts';
import type { HostIdentity } from '../transport/handshake.ts';
import { peerOrigin } from '../transport/problem.ts';
import type { Break } from '../transport/resuming.ts';
import { isBeforePrepared } from '../transport/session-states.ts';
import { acceptWebSocket } from '../transport/websocket.ts';
import { PageIntake } from './page-intake.ts';
import type { LogLevel, TargetContext, TargetSessions } from './session.ts';
import { WorkerInbox } from './worker-inbox.ts';
import { ScarceMemory } from './scarce-memory.ts';
import type { FromWorker, WebSocketRequest } from './worker-messages.ts';

export interface WorkerOptions {
  /** Milliseconds until hello. */
  readonly helloTimeoutMs?: number;
  /** Milliseconds of silence after which the source counts as dead. */
  readonly deadAfterMs?: number;
}

/** Milliseconds for the source to come back after a reset; and beyond its own patience after a silence, which it may notice later. */
const resetPatienceMs = 3_000;
const silencePatienceMs = 60_000;
/** Milliseconds for a session to end by itself once it has been told to. */
const stopGraceMs = 2000;

/** Runs until the session is over, then ends the process. To be called once, at the start. */
export function serveWorker(
  sessions: TargetSessions,
  options: WorkerOptions = {},
  inbox = new WorkerInbox(),
): void {
  const worker = new Worker(sessions, options);
  inbox.open((told, socket) => {
    if (told.kind === 'stop') worker.stop('receive is being stopped on the target');
    else if (told.kind === 'yield') worker.letGo();
    else if (told.kind === 'pages') worker.servePages(told, socket);
    else if (told.purpose === 'resume') worker.resumeControl(told, socket);
    else void worker.serveControl(told, socket);
  });
  process.on('disconnect', () => {
    worker.stop('receive has ended on the target');
  });
  process.on('SIGTERM', () => {
    worker.stop('the worker of this migration was stopped on the target');
  });
  process.on('SIGINT', () => undefined); // Ctrl-C reaches the daemon too, which stops its workers in order
}

class Worker {
  readonly #sessions: TargetSessions;
  readonly #options: WorkerOptions;
  readonly #stop = new AbortController();
  readonly #intake = new PageIntake();
  readonly #memory = new ScarceMemory();
  #control: ControlConnection<'target'> | undefined;

  constructor(sessions: TargetSessions, options: WorkerOptions) {
    this.#sessions = sessions;
    this.#options = options;
  }

  async serveControl(handed: WebSocketRequest, socket: Socket | undefined): Promise<void> {
    let code = 1;
    try {
      const head = Buffer.from(handed.head, 'base64');
      const { deadAfterMs } = this.#options;
      const control = await acceptWebSocket('control', handed.request, socket, head, (ws, open) => {
        return new ControlConnection('target', ws, open, deadAfterMs === undefined ? {} : { deadAfterMs });
      });
      this.#control = control;
      control.onEnd((reason) => {
        this.#stop.abort(reason);
      });
      await this.#runSession(handed, control);
      code = 0;
    } catch (error) {
      this.#report(error);
      await this.#control?.fail(error);
    }
    await this.#control?.close();
    this.#intake.close();
    exit(code);
  }

  servePages(handed: WebSocketRequest, socket: Socket | undefined): void {
    const head = Buffer.from(handed.head, 'base64');
    acceptWebSocket('pages', handed.request, socket, head, (ws, open) => {
      this.#intake.attach(ws, open);
    }).catch((error: unknown) => {
      log('warning', asGodwitError(error).message);
    });
  }

  resumeControl(handed: WebSocketRequest, socket: Socket | undefined): void {
    const head = Buffer.from(handed.head, 'base64');
    acceptWebSocket('control', handed.request, socket, head, (ws, open) => {
      if (this.#control === undefined) ws.terminate();
      else this.#control.resume(ws, open);
    }).catch((error: unknown) => {
      log('warning', asGodwitError(error).message);
    });
  }

  /** The session sees its source go: before PREPARED it leaves nothing, after it the tree stands, or runs already. */
  letGo(): void {
    this.#control?.terminate();
    if (this.#control === undefined) exit(1);
  }

  /** Before PREPARED the session is ended; after it the tree belongs to this host or is about to, and it goes on. */
  stop(why: string): void {
    if (
      this.#control !== undefined &&
      !isBeforePrepared(this.#control.state) &&
      !this.#control.ended.aborted
    ) {
      tell({ kind: 'finishing' });
      return;
    }
    const error = new GodwitError('CANCELLED', why, { hint: 'the tree goes on at the source' });
    this.#stop.abort(error);
    void this.#control?.fail(error);
    setTimeout(() => {
      exit(1);
    }, stopGraceMs).unref();
    if (this.#control === undefined) exit(1);
  }

  async #runSession(handed: WebSocketRequest, control: ControlConnection<'target'>): Promise<void> {
    const { helloTimeoutMs } = this.#options;
    const helloWithin = helloTimeoutMs === undefined ? {} : { timeoutMs: helloTimeoutMs };
    const hello = await acceptGreeting(control, handed.migrationId, identity(), helloWithin);
    tell({ kind: 'greeted' });
    const { reconnectForMs = 0 } = hello;
    if (reconnectForMs > 0) control.awaitReconnect((how) => patience(how, reconnectForMs));
    const context: TargetContext = {
      migrationId: handed.migrationId,
      hello,
      control,
      signal: this.#stop.signal,
      log,
      explain: (error) => this.#memory.explain(error),
      openPages: (pageOptions) =>
        this.#intake.open({
          ...pageOptions,
          onProblem: (problem) => {
            const error = this.#memory.explain(problem);
            this.#stop.abort(error);
            void control.fail(error);
          },
        }),
    };
    await this.#sessions[hello.purpose](context);
  }

  #report(thrown: unknown): void {
    const error = asGodwitError(thrown);
    const origin = peerOrigin(error);
    const prefix = origin === undefined ? '' : `the source says: `;
    const hint = error.hint === undefined ? '' : ` (${error.hint})`;
    log('error', `${error.code}: ${prefix}${error.message}${hint}`);
    if (error.code !== 'INTERNAL') return;
    const { stack } = error.cause instanceof Error ? error.cause : error;
    if (stack !== undefined) log('error', stack);
  }
}

/** Milliseconds. */
function patience({ reason, isSilence }: Break, reconnectForMs: number): number {
  log('warning', `${reason.message}; waiting for its source to connect again`);
  // The source knows of a reset too, and dials at once, unless it was killed. Of silence it may take notice much later.
  return isSilence ? reconnectForMs + silencePatienceMs : Math.min(reconnectForMs, resetPatienceMs);
}

function identity(): HostIdentity {
  return { bootId: bootId(), kernel: { release: release(), machine: machine() } };
}

function tell(message: FromWorker): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

function log(level: LogLevel, text: string): void {
  if (process.connected) tell({ kind: 'log', level, text });
  else process.stderr.write(`${level}: ${text}\n`);
}

/** Ends the process when the daemon has got all that was told. */
function exit(code: number): void {
  if (!process.connected || process.send === undefined) process.exit(code);
  const last: FromWorker = { kind: 'bye' };
  process.send(last, undefined, undefined, () => process.exit(code));
}

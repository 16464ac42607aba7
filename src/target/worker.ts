// A worker process of `receive`, from the inside: takes sockets from the daemon, does the WebSocket handshake and
// the greeting, and runs one session. Its death is harmless at any moment: the keeper cleans up behind it.
import type { Socket } from 'node:net';
import { machine, release } from 'node:os';
import { asGodwitError, GodwitError } from '../errors.ts';
import { bootId } from '../kernel/boot-id.ts';
import { ControlConnection } from '../transport/control-connection.ts';
import { acceptGreeting } from '../transport/handshake.ts';
import type { HostIdentity } from '../transport/handshake.ts';
import { handshakeTimeoutMs } from '../transport/limits.ts';
import { sealHeader } from '../transport/page-keys.ts';
import type { PageKeys, PageSeal } from '../transport/page-keys.ts';
import { pageKeysOf } from '../transport/passage.ts';
import type { Break } from '../transport/resuming.ts';
import { isBeforePrepared } from '../transport/session-states.ts';
import { acceptWebSocket } from '../transport/websocket.ts';
import { PageIntake } from './page-intake.ts';
import type { TargetContext, TargetSessions } from './session.ts';
import { WorkerInbox } from './worker-inbox.ts';
import { ScarceMemory } from './scarce-memory.ts';
import { Refusal, turnAway } from './upgrade.ts';
import { SecureLine } from './security/secure-line.ts';
import type { Opening, WebSocketRequest } from './worker-messages.ts';
import { exit, log, report, tell } from './worker-voice.ts';

export interface WorkerOptions {
  /** Milliseconds until hello. */
  readonly helloTimeoutMs?: number;
  /** Milliseconds of silence after which the source counts as dead. */
  readonly deadAfterMs?: number;
}

/** A request that the daemon, or our own end of TLS, has read. */
type Handed = Pick<WebSocketRequest, 'migrationId' | 'purpose' | 'request'>;

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
    if (told.kind === 'open') worker.open(told);
    else if (told.kind === 'deserted') worker.desert();
    else if (told.kind === 'tls') worker.serveTls(told.head, socket);
    else if (told.kind === 'stop') worker.stop('receive is being stopped on the target');
    else if (told.kind === 'yield') worker.letGo();
    else {
      const head = Buffer.from(told.head, 'base64');
      if (told.kind === 'pages') worker.servePages(told, socket, head);
      else if (told.purpose === 'resume') worker.resumeControl(told, socket, head);
      else void worker.serveControl(told, socket, head);
    }
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
  #opening: Opening | undefined;
  #line: SecureLine | undefined;
  #pageKeys: PageKeys | undefined;

  constructor(sessions: TargetSessions, options: WorkerOptions) {
    this.#sessions = sessions;
    this.#options = options;
  }

  /** Everything that follows is encrypted, and this is who may come. */
  open(opening: Opening): void {
    this.#opening = opening;
    const late = setTimeout(() => {
      log('warning', 'whoever was let in did not come');
      exit(1);
    }, this.#options.helloTimeoutMs ?? handshakeTimeoutMs);
    this.#line = new SecureLine(
      opening,
      ({ purpose, request, socket, head }) => {
        const handed = { purpose, request, migrationId: opening.migrationId };
        if (purpose === 'resume') this.resumeControl(handed, socket, head);
        else if (this.#control !== undefined) socket.destroy();
        else {
          clearTimeout(late);
          void this.serveControl(handed, socket, head);
        }
      },
      (why) => {
        log('warning', why);
      },
    );
  }

  desert(): void {
    if (this.#control === undefined) exit(0);
  }

  serveTls(head: string, socket: Socket | undefined): void {
    if (socket !== undefined) this.#line?.take(socket, Buffer.from(head, 'base64'));
  }

  async serveControl(handed: Handed, socket: Socket | undefined, head: Buffer): Promise<void> {
    let code = 1;
    try {
      const { deadAfterMs } = this.#options;
      const control = await acceptWebSocket('control', handed.request, socket, head, (ws, open) => {
        return new ControlConnection('target', ws, open, deadAfterMs === undefined ? {} : { deadAfterMs });
      });
      this.#control = control;
      if (this.#opening !== undefined && socket !== undefined) this.#pageKeys = pageKeysOf(socket);
      control.onEnd((reason) => {
        this.#stop.abort(reason);
      });
      await this.#runSession(handed, control);
      code = 0;
    } catch (error) {
      report(error);
      await this.#control?.fail(error);
    }
    await this.#control?.close();
    this.#intake.close();
    exit(code);
  }

  servePages(handed: Handed, socket: Socket | undefined, head: Buffer): void {
    let seal: PageSeal | undefined;
    if (this.#opening !== undefined) {
      seal = this.#pageKeys?.accept(handed.request.headers[sealHeader]);
      if (seal === undefined) {
        log('warning', 'a page connection was refused: it has no proof, or one that was used');
        const error = new GodwitError('NOT_ALLOWED', 'the target refused the page connection');
        if (socket !== undefined) turnAway(socket, new Refusal(401, error));
        return;
      }
    }
    acceptWebSocket('pages', handed.request, socket, head, (ws, open) => {
      this.#intake.attach(ws, open, seal);
    }).catch((error: unknown) => {
      log('warning', asGodwitError(error).message);
    });
  }

  resumeControl(handed: Handed, socket: Socket | undefined, head: Buffer): void {
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

  async #runSession(handed: Handed, control: ControlConnection<'target'>): Promise<void> {
    const { helloTimeoutMs } = this.#options;
    const helloWithin = helloTimeoutMs === undefined ? {} : { timeoutMs: helloTimeoutMs };
    const hello = await acceptGreeting(control, handed.migrationId, identity(), helloWithin);
    if (hello.purpose !== handed.purpose)
      throw new GodwitError(
        'PROTOCOL',
        `the source said ${hello.purpose} where it had asked for ${handed.purpose}`,
      );
    tell({ kind: 'greeted' });
    const { reconnectForMs = 0 } = hello;
    if (reconnectForMs > 0) control.awaitReconnect((how) => patience(how, reconnectForMs));
    const context: TargetContext = {
      migrationId: handed.migrationId,
      hello,
      control,
      signal: this.#stop.signal,
      log,
      sessionHash: this.#opening?.sessionHash,
      subject: this.#opening?.of,
      landed: () => {
        tell({ kind: 'landed' });
      },
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

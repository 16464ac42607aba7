// The control connection: typed messages both ways over one WebSocket, checked against the session's states.
// Whatever ends it (the peer's error or abort, a dead link, a broken rule) ends it once, as one GodwitError that
// every later call throws; `ended` fires at once, also while nobody is receiving.
import type { Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';
import { asGodwitError, GodwitError } from '../errors.ts';
import { Inbox } from './inbox.ts';
import type { ReceiveOptions } from './inbox.ts';
import { keepAlive } from './keep-alive.ts';
import { deadAfterMs, protocolVersion } from './limits.ts';
import { decodeMessage, encodeMessage } from './messages.ts';
import type { MessageOf, PeerOf, Side } from './messages.ts';
import { errorOf, peerOrigin, problemOf } from './problem.ts';
import { SessionStates } from './session-states.ts';
import type { SessionState } from './session-states.ts';
import { bytesOf, socketProblem } from './websocket.ts';

export interface ControlOptions {
  /** Milliseconds of silence after which the peer counts as dead while the tree is frozen; default 10,000. */
  readonly deadAfterMs?: number;
}

const frozenStates: ReadonlySet<SessionState> = new Set(['applying', 'prepared', 'committing']);

type Incoming<S extends Side> = MessageOf[PeerOf<S>];
type IncomingOf<S extends Side, T> = Extract<Incoming<S>, { type: T }>;

export class ControlConnection<S extends Side> {
  /** Aborts with a GodwitError the moment the connection is over. */
  readonly ended: AbortSignal;
  readonly #side: S;
  readonly #peer: PeerOf<S>;
  readonly #ws: WebSocket;
  readonly #states: SessionStates;
  readonly #end = new AbortController();
  readonly #inbox = new Inbox<Incoming<S>>();
  readonly #handlers = new Map<string, (message: Incoming<S>) => void>();
  readonly #closed: Promise<void>;
  readonly #stopKeepAlive: () => void;
  /** This end's own address, and the other's. */
  readonly localAddress: string | undefined;
  readonly remoteAddress: string | undefined;
  #closing = false;
  #hasTold = false;

  /** Takes over an open WebSocket and its socket; `side` is the own one. */
  constructor(side: S, ws: WebSocket, socket: Socket, options: ControlOptions = {}) {
    this.#side = side;
    this.#peer = (side === 'source' ? 'target' : 'source') as PeerOf<S>;
    this.#ws = ws;
    this.#states = new SessionStates(side);
    this.ended = this.#end.signal;
    this.localAddress = socket.localAddress;
    this.remoteAddress = socket.remoteAddress;
    socket.setNoDelay(true);
    this.#stopKeepAlive = keepAlive(ws, socket, {
      deadAfterMs: options.deadAfterMs ?? deadAfterMs,
      isFrozen: () => frozenStates.has(this.state),
      onDead: (silentMs) => {
        this.#finish(this.#gone(`has been silent for ${silentMs} ms`));
        ws.terminate();
      },
    });
    ws.on('message', (data, isBinary) => {
      this.#arrived(data, isBinary);
    });
    ws.on('error', (error) => {
      this.#finish(socketProblem(error, this.#peer));
    });
    this.#closed = new Promise((resolve) => {
      ws.once('close', (code) => {
        this.#finish(this.#gone(`closed the connection (code ${code})`));
        resolve();
      });
    });
  }

  /** Where the session stands; 'ended' after an abort or error of either side. */
  get state(): SessionState {
    return this.#states.state;
  }

  /** Bytes that wait to leave. */
  get unsent(): number {
    return this.#ws.bufferedAmount;
  }

  /** Messages of this type go to `handler` as they arrive, past the queue of receive. For notices and clock probes. */
  handle<T extends Incoming<S>['type']>(type: T, handler: (message: IncomingOf<S, T>) => void): void {
    this.#handlers.set(type, handler as (message: Incoming<S>) => void);
  }

  /**
   * Queues a message; returns before it has left.
   * @throws GodwitError the reason why the connection ended; INTERNAL in the wrong state; LIMIT.
   */
  send(message: MessageOf[S]): void {
    if (this.#inbox.reason !== undefined) throw this.#inbox.reason;
    const bytes = encodeMessage(message);
    this.#states.sent(message.type);
    this.#ws.send(bytes, (error) => {
      if (error) this.#finish(socketProblem(error, this.#peer));
    });
  }

  /** The next message that has no handler. @throws GodwitError of the peer, PEER (also when time is up), PROTOCOL. */
  async receive(options: ReceiveOptions = {}): Promise<Incoming<S>> {
    return this.#inbox.take(
      options,
      (timeoutMs) =>
        new GodwitError(
          'PEER',
          `the ${this.#peer} said nothing for ${timeoutMs} ms (state "${this.state}")`,
          {
            hint: `the ${this.#peer} may be overloaded; try again`,
          },
        ),
    );
  }

  /** Like receive; another type than `type` is a PROTOCOL error. */
  async expect<T extends Incoming<S>['type']>(
    type: T,
    options: ReceiveOptions = {},
  ): Promise<IncomingOf<S, T>> {
    const message = await this.receive(options);
    if (message.type === type) return message as IncomingOf<S, T>;
    throw new GodwitError('PROTOCOL', `the ${this.#peer} sent ${message.type} where ${type} was due`);
  }

  /** Calls back once, at once when it is already over. */
  onEnd(callback: (reason: GodwitError) => void): void {
    const ended = (): void => {
      callback(this.ended.reason as GodwitError);
    };
    if (this.ended.aborted) ended();
    else this.ended.addEventListener('abort', ended, { once: true });
  }

  /** Tells the peer why this side gives up, if it can still be told: once, and not its own words. */
  tell(thrown: unknown): void {
    if (this.#hasTold || peerOrigin(thrown) !== undefined) return;
    this.#hasTold = true;
    this.#tell(asGodwitError(thrown));
  }

  /** The same, and closes. */
  async fail(thrown: unknown): Promise<void> {
    this.tell(thrown);
    await this.close();
  }

  /** Sends what is queued, closes, and waits for the peer's close, at most `graceMs`. */
  async close(graceMs = 1000): Promise<void> {
    this.#closing = true;
    this.#ws.close(1000);
    const timer = setTimeout(() => {
      this.#ws.terminate();
    }, graceMs);
    await this.#closed;
    clearTimeout(timer);
  }

  /** Cuts the connection at once. */
  terminate(): void {
    this.#ws.terminate();
  }

  #arrived(data: RawData, isBinary: boolean): void {
    if (this.#inbox.reason !== undefined) return;
    try {
      if (!isBinary)
        throw new GodwitError('PROTOCOL', `the ${this.#peer} sent text on the control connection`);
      const message = decodeMessage(this.#peer, bytesOf(data));
      if (this.#states.received(message.type)) this.#deliver(message);
    } catch (thrown) {
      const error = asGodwitError(thrown);
      this.#tell(error);
      this.#finish(error);
      void this.close();
    }
  }

  #deliver(message: Incoming<S>): void {
    const last: MessageOf[Side] = message;
    if (last.type === 'error' || last.type === 'refused' || last.type === 'abort') {
      const problem = last.type === 'abort' ? last.reason : last;
      this.#finish(errorOf(problem, { side: this.#peer, how: last.type }));
      return;
    }
    const handler = this.#handlers.get(message.type);
    if (handler !== undefined) handler(message);
    else if (!this.#inbox.put(message)) {
      throw new GodwitError('LIMIT', `the ${this.#peer} sent more messages than were awaited`);
    }
  }

  /** The last word of this side. Before welcome it is `refused`, whose shape all versions share. */
  #tell(error: GodwitError): void {
    const problem = problemOf(error);
    const isGreeting = this.#side === 'target' && (this.state === 'start' || this.state === 'greeting');
    try {
      if (!isGreeting) this.send({ type: 'error', ...problem });
      else if (this.#inbox.reason === undefined) {
        this.#ws.send(
          encodeMessage({ type: 'refused', version: protocolVersion, ...problem }),
          () => undefined,
        );
      }
    } catch {
      // the end of the connection tells the peer enough
    }
  }

  #finish(reason: GodwitError): void {
    if (this.#inbox.reason !== undefined) return;
    this.#stopKeepAlive();
    this.#inbox.close(reason);
    this.#end.abort(reason);
  }

  #gone(how: string): GodwitError {
    if (this.#closing) return new GodwitError('PEER', 'the connection was closed by this side');
    return new GodwitError('PEER', `the ${this.#peer} ${how}`, {
      hint: `look at the log of the ${this.#peer}; its agent may have been killed, or the link was cut`,
    });
  }
}

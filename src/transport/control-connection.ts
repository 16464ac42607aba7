// The control connection: typed messages both ways, checked against the session's states.
// Whatever ends it (the peer's error or abort, a dead link, a broken rule) ends it once, as one GodwitError that
// every later call throws; `ended` fires at once, also while nobody is receiving. A link that breaks while the tree runs does not end it,
// where both sides have agreed on how long they wait for it to come back.
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { asGodwitError, GodwitError } from '../errors.ts';
import { ControlLine } from './control-line.ts';
import { Inbox } from './inbox.ts';
import type { ReceiveOptions } from './inbox.ts';
import { deadAfterMs, protocolVersion } from './limits.ts';
import { decodeMessage, encodeMessage } from './messages.ts';
import type { MessageOf, PeerOf, Side } from './messages.ts';
import type { Passage } from './passage.ts';
import { errorOf, peerOrigin, problemOf } from './problem.ts';
import { Resuming } from './resuming.ts';
import type { Patience, Reconnect } from './resuming.ts';
import { mayResumeIn, SessionStates } from './session-states.ts';
import type { SessionState } from './session-states.ts';

export interface ControlOptions {
  /** Milliseconds of silence after which the peer counts as dead while the tree is frozen; default 10,000. */
  readonly deadAfterMs?: number;
  /** Absent: the end of the WebSocket is the end, unless awaitReconnect is called. */
  readonly reconnect?: Reconnect | undefined;
  /** Of a source over TLS. */
  readonly passage?: Passage | undefined;
}

const frozenStates: ReadonlySet<SessionState> = new Set(['applying', 'prepared', 'committing']);

type Incoming<S extends Side> = MessageOf[PeerOf<S>];
type IncomingOf<S extends Side, T> = Extract<Incoming<S>, { type: T }>;

export class ControlConnection<S extends Side> {
  /** Aborts with a GodwitError the moment the connection is over. */
  readonly ended: AbortSignal;
  readonly #side: S;
  readonly #peer: PeerOf<S>;
  readonly #line: ControlLine;
  readonly #resuming: Resuming;
  readonly #states: SessionStates;
  readonly #end = new AbortController();
  readonly #inbox = new Inbox<Incoming<S>>();
  readonly #handlers = new Map<string, (message: Incoming<S>) => void>();
  /** This end's own address, and the other's. */
  readonly localAddress: string | undefined;
  readonly remoteAddress: string | undefined;
  /** undefined: nothing is encrypted, or it is the target's end. */
  readonly passage: Passage | undefined;
  #hasTold = false;

  /** Takes over an open WebSocket and its socket; `side` is the own one. */
  constructor(side: S, ws: WebSocket, socket: Socket, options: ControlOptions = {}) {
    this.#side = side;
    this.#peer = (side === 'source' ? 'target' : 'source') as PeerOf<S>;
    this.#resuming = new Resuming(options.reconnect);
    this.#states = new SessionStates(side);
    this.ended = this.#end.signal;
    this.localAddress = socket.localAddress;
    this.remoteAddress = socket.remoteAddress;
    this.passage = options.passage;
    this.#line = new ControlLine(ws, socket, {
      peer: this.#peer,
      deadAfterMs: options.deadAfterMs ?? deadAfterMs,
      isFrozen: () => frozenStates.has(this.state),
      mayResume: () => this.#resuming.isAgreed && mayResumeIn(this.state),
      onMessage: (message) => {
        this.#arrived(message);
      },
      onBroken: (how) => {
        this.#resuming.broke(how, this.#line);
      },
      onWhole: () => {
        this.#resuming.whole();
      },
      onEnd: (reason) => {
        this.#finish(reason);
      },
    });
  }

  /** Where the session stands; 'ended' after an abort or error of either side. */
  get state(): SessionState {
    return this.#states.state;
  }

  /** Bytes that wait to leave. */
  get unsent(): number {
    return this.#line.unsent;
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
    this.#line.send(bytes);
  }

  /** For the end that is dialled: a link that breaks may come back, by `resume`. */
  awaitReconnect(patience: Patience): void {
    this.#resuming.wait(patience);
  }

  /** Another WebSocket in the place of the one that broke. */
  resume(ws: WebSocket, socket: Socket): void {
    this.#line.resume(ws, socket);
  }

  /** From now on nothing waits for a link to come back. @throws GodwitError it is broken, or the connection over */
  forbidResuming(): void {
    this.#resuming.forbid();
    const { reason } = this.#resuming;
    if (reason !== undefined) this.#line.end(reason);
    if (this.#inbox.reason !== undefined) throw this.#inbox.reason;
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
    await this.#line.close(graceMs);
  }

  /** Cuts the connection at once. */
  terminate(): void {
    this.#line.terminate();
  }

  #arrived(bytes: Buffer | undefined): void {
    if (this.#inbox.reason !== undefined) return;
    try {
      if (bytes === undefined)
        throw new GodwitError('PROTOCOL', `the ${this.#peer} sent text on the control connection`);
      const message = decodeMessage(this.#peer, bytes);
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
        this.#line.send(encodeMessage({ type: 'refused', version: protocolVersion, ...problem }));
      }
    } catch {
      // the end of the connection tells the peer enough
    }
  }

  #finish(reason: GodwitError): void {
    if (this.#inbox.reason !== undefined) return;
    this.#resuming.over();
    this.#inbox.close(reason);
    this.#end.abort(reason);
    this.#line.end(reason);
  }
}

// What carries the messages of a control connection: one WebSocket, or several, one after the other. While a tree runs a broken link
// loses nothing: each end keeps what it has sent until the other has told, in its pings, how many messages it has; on a new WebSocket
// both tell that first, and what is missing is sent again.
//
//   whole ---- lost ----> broken ---- resume ----> greeting ---- the peer's count ----> whole
//     any state but whole: messages are kept, and leave later
import type { Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';
import { GodwitError } from '../errors.ts';
import { keepAlive } from './keep-alive.ts';
import { KeptMessages } from './kept-messages.ts';
import type { Side } from './messages.ts';
import { decodeAck, encodeAck } from './page-ack.ts';
import type { Break } from './resuming.ts';
import { bytesOf, closeWebSocket, socketProblem } from './websocket.ts';

export interface LineOptions {
  readonly peer: Side;
  /** Milliseconds of silence after which the peer counts as gone while the tree is frozen. */
  readonly deadAfterMs: number;
  readonly isFrozen: () => boolean;
  /** Whether what is lost may come again. */
  readonly mayResume: () => boolean;
  /** undefined: it was text. */
  readonly onMessage: (message: Buffer | undefined) => void;
  /** The WebSocket is gone, and another one may take its place. */
  readonly onBroken: (how: Break) => void;
  readonly onWhole: () => void;
  /** Nothing follows. May be called more than once. */
  readonly onEnd: (reason: GodwitError) => void;
}

/** WebSocket close code for a connection that ended without a closing handshake (RFC 6455, 7.4.1). */
const closedAbnormally = 1006;

export class ControlLine {
  readonly #options: LineOptions;
  readonly #kept = new KeptMessages();
  #ws: WebSocket;
  #state: 'whole' | 'broken' | 'greeting' | 'over' = 'whole';
  #received = 0;
  #closing = false;
  #stopKeepAlive: () => void = () => undefined;

  constructor(ws: WebSocket, socket: Socket, options: LineOptions) {
    this.#options = options;
    this.#ws = ws;
    this.#serve(ws, socket);
  }

  /** Bytes that wait to leave. */
  get unsent(): number {
    return this.#ws.bufferedAmount;
  }

  send(message: Uint8Array): void {
    this.#kept.add(message);
    if (!this.#options.mayResume()) this.#kept.forget(this.#kept.count);
    if (this.#state === 'whole') this.#write(message);
  }

  /** Another WebSocket takes the place of the one that broke, or that the peer alone has given up. */
  resume(ws: WebSocket, socket: Socket): void {
    if (this.#state === 'over' || !this.#options.mayResume()) {
      ws.terminate();
      return;
    }
    const old = this.#ws;
    this.#state = 'greeting';
    this.#ws = ws;
    old.terminate();
    this.#serve(ws, socket);
    ws.send(encodeAck(this.#received), (error) => {
      if (error) this.#lost(ws, socketProblem(error, this.#options.peer));
    });
  }

  /** Sends what is queued, closes, and waits for the peer's close, at most `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    if (this.#state === 'broken') this.end(this.#gone(''));
    await closeWebSocket(this.#ws, graceMs);
  }

  /** Cuts the connection at once, for good. */
  terminate(): void {
    this.#ws.terminate();
    this.end(this.#gone(`closed the connection (code ${closedAbnormally})`));
  }

  /** Nothing that follows is heard; the WebSocket stands until `close`. */
  end(reason: GodwitError): void {
    this.#stopKeepAlive();
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#options.onEnd(reason);
  }

  #serve(ws: WebSocket, socket: Socket): void {
    const { peer, deadAfterMs, isFrozen } = this.#options;
    socket.setNoDelay(true);
    this.#stopKeepAlive();
    this.#stopKeepAlive = keepAlive(ws, socket, {
      deadAfterMs,
      isFrozen,
      word: () => encodeAck(this.#received),
      onDead: (silentMs) => {
        this.#lost(ws, this.#gone(`has been silent for ${silentMs} ms`), { isSilence: true });
        ws.terminate();
      },
    });
    ws.on('ping', (data) => {
      if (ws === this.#ws) this.#kept.forget(decodeAck(data) ?? 0);
    });
    ws.on('message', (data, isBinary) => {
      if (ws === this.#ws) this.#arrived(data, isBinary);
    });
    ws.on('error', (error) => {
      this.#lost(ws, socketProblem(error, peer));
    });
    ws.once('close', (code) => {
      // Whether it was a FIN, of an agent that was killed, or a reset cannot be told: a write that meets the reset first takes the error away.
      const isFinal = code !== closedAbnormally;
      this.#lost(ws, this.#gone(`closed the connection (code ${code})`), { isFinal });
    });
  }

  #arrived(data: RawData, isBinary: boolean): void {
    if (this.#state === 'over') return;
    const message = isBinary ? bytesOf(data) : undefined;
    if (this.#state !== 'greeting') {
      this.#received++;
      this.#options.onMessage(message);
      return;
    }
    const missing = this.#kept.after((message && decodeAck(message)) ?? -1);
    if (missing === undefined) {
      const reason = `the ${this.#options.peer} came back with another count of messages`;
      this.end(new GodwitError('PROTOCOL', reason));
      this.#ws.terminate();
      return;
    }
    this.#state = 'whole';
    for (const kept of missing) this.#write(kept);
    this.#options.onWhole();
  }

  #write(message: Uint8Array): void {
    const ws = this.#ws;
    ws.send(message, (error) => {
      if (error) this.#lost(ws, socketProblem(error, this.#options.peer));
    });
  }

  #lost(ws: WebSocket, reason: GodwitError, { isFinal = false, isSilence = false } = {}): void {
    if (ws !== this.#ws || this.#state === 'broken') return;
    const mayResume = this.#state !== 'over' && !this.#closing && this.#options.mayResume();
    if (isFinal || !mayResume || reason.code !== 'PEER') {
      this.end(reason);
      return;
    }
    this.#stopKeepAlive();
    this.#state = 'broken';
    this.#options.onBroken({ reason, isSilence });
  }

  #gone(how: string): GodwitError {
    const { peer } = this.#options;
    if (this.#closing) return new GodwitError('PEER', 'the connection was closed by this side');
    return new GodwitError('PEER', `the ${peer} ${how}`, {
      hint: `look at the log of the ${peer}; its agent may have been killed, or the link was cut`,
    });
  }
}

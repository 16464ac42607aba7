// The target's end of the page connections of one migration: frames are checked and handed to the handler in order,
// and acknowledged after it has written them. A second connection goes on where the first was cut.
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { asGodwitError, GodwitError } from '../errors.ts';
import { encodeAck } from './page-ack.ts';
import { headRoom, maxPageFrame } from './limits.ts';
import { decodePageFrame, runBytes } from './page-frame.ts';
import type { Contents, Hashed, PageFrame } from './page-frame.ts';
import type { PageSeal } from './page-keys.ts';
import { Opener, Sealer } from './sealing.ts';
import { SequenceWaits } from './sequence-waits.ts';
import { bytesOf, socketProblem } from './websocket.ts';

/** Writes the pages of a frame. The payload is valid until it returns or its promise settles. */
export type PageHandler = (frame: PageFrame) => void | Promise<void>;

/**
 * Reads the messages of a connection in the place of ws, which gets everything from the first thing on that is no frame. Returns what ends
 * it; undefined: this connection cannot be read so. `done`: the message may be overwritten. It has hashed what it has read.
 */
export type TakeOver = (
  socket: Socket,
  shape: typeof frameShape,
  arrived: (message: Buffer, done: () => void, hashed: Hashed) => void,
  sealed?: SealedReading,
) => (() => void) | undefined;

/** Messages are sealed with this key, and arrive opened. `forged`: one was not; nothing follows. */
export interface SealedReading {
  readonly key: Buffer;
  readonly forged: () => void;
}

/** What a reader has to know to put the pages of a frame at the beginning of a page, which are copied three times as fast from there. */
const frameShape = { room: headRoom, unit: runBytes, most: maxPageFrame } as const;

export interface PageReceiverOptions extends Contents {
  readonly handler: PageHandler;
  /** Nothing: all connections are read by ws. With it `checksum` has to be XXH3-64. */
  readonly takeOver?: TakeOver | undefined;
  /** A frame was bad, or the handler failed: nothing more is read, the migration cannot go on. */
  readonly onProblem: (error: GodwitError) => void;
}

interface Arrived {
  readonly message: Buffer;
  readonly done: () => void;
  readonly hashed?: Hashed | undefined;
}

/** A busy connection is acknowledged every so many frames, half of those that a sender keeps (PageSenderOptions.blocks); an idle one at once. */
const framesPerAck = 4;
/** Milliseconds between a problem and the end of the connection. */
const cutAfterMs = 300;

export class PageReceiver {
  readonly #options: PageReceiverOptions;
  readonly #queue: Arrived[] = [];
  readonly #waits = new SequenceWaits();
  #ws: WebSocket | undefined;
  #sealer: Sealer | undefined;
  /** Ends the reader that has taken the connection over. */
  #endReader: (() => void) | undefined;
  #lastApplied = 0;
  #lastAcked = 0;
  #bytesReceived = 0;
  #applying = false;
  /** A connection in the place of another, which has not been told where it goes on. */
  #owesWord = false;
  #hasServed = false;
  /** Everything that is here has been written, and will be acknowledged. */
  #isIdle = false;
  #reason: GodwitError | undefined;

  constructor(options: PageReceiverOptions) {
    this.#options = options;
  }

  /** Sequence of the last frame that the handler has written. */
  get lastApplied(): number {
    return this.#lastApplied;
  }

  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  /** Serves an open connection, paused or not. An earlier one is cut: the source has given it up. */
  attach(ws: WebSocket, socket: Socket, seal?: PageSeal): void {
    this.#endReader?.();
    this.#ws?.terminate();
    this.#ws = ws;
    const opener = seal && new Opener(seal.frames);
    this.#sealer = seal && new Sealer(seal.acks);
    this.#queue.length = 0;
    socket.setNoDelay(true);
    ws.on('message', (data, isBinary) => {
      if (ws !== this.#ws) return;
      if (isBinary) {
        const message = opener === undefined ? bytesOf(data) : opener.open(bytesOf(data));
        if (message === undefined) ws.terminate();
        else this.#arrived(message, () => undefined);
      } else this.#fail(new GodwitError('PROTOCOL', 'the source sent text on the page connection'));
    });
    ws.on('error', (error) => {
      // A broken rule ends the migration; a broken link only this connection (the control connection decides).
      const problem = socketProblem(error, 'source');
      if (ws === this.#ws && problem.code !== 'PEER') this.#fail(problem);
    });
    ws.once('close', () => {
      if (ws === this.#ws) this.#ws = undefined;
    });
    // Who can change what is on its way can cut the link too: no more than that follows from it.
    const forged = (): void => {
      ws.terminate();
    };
    const sealed = opener && { key: opener.key, forged };
    const arrived = (message: Buffer, done: () => void, hashed: Hashed): void => {
      opener?.openedElsewhere();
      if (ws === this.#ws) this.#arrived(message, done, hashed);
    };
    this.#endReader = this.#options.takeOver?.(socket, frameShape, arrived, sealed);
    if (this.#endReader === undefined) ws.resume();
    this.#owesWord = this.#hasServed;
    this.#hasServed = true;
    if (!this.#applying) this.#tellWhere();
  }

  /** Waits until the frames up to `sequence` have been written. @throws GodwitError what was wrong with one */
  async applied(sequence: number, signal?: AbortSignal): Promise<void> {
    if (this.#lastApplied >= sequence) return;
    if (this.#reason !== undefined) throw this.#reason;
    await this.#waits.until(sequence, signal);
  }

  /** Ends the open connection; nothing more is handed to the handler. */
  close(): void {
    this.#reason ??= new GodwitError('CANCELLED', 'the page connection was closed');
    this.#endReader?.();
    this.#ws?.close(1000);
    this.#queue.length = 0;
  }

  #arrived(message: Buffer, done: () => void, hashed?: Hashed): void {
    if (this.#reason !== undefined) return;
    this.#bytesReceived += message.length;
    this.#queue.push({ message, done, hashed });
    if (!this.#applying) this.#drain();
    else if (this.#endReader === undefined) this.#ws?.pause();
  }

  /** Applies what is queued. A handler that needs no promise costs none. */
  #drain(): void {
    for (;;) {
      const next = this.#queue.shift();
      if (next === undefined || this.#reason !== undefined) break;
      const { message, done, hashed } = next;
      try {
        const frame = decodePageFrame(message, this.#options, hashed);
        if (frame.sequence !== this.#lastApplied + 1) throw outOfOrder(frame.sequence, this.#lastApplied);
        const pending = this.#options.handler(frame);
        if (pending !== undefined) {
          this.#applying = true;
          void this.#settle(pending, frame.sequence, done);
          return;
        }
        done();
        this.#done(frame.sequence);
      } catch (error) {
        this.#fail(asGodwitError(error));
        return;
      }
    }
    this.#acknowledgeSoon();
    if (this.#endReader === undefined) this.#ws?.resume();
  }

  async #settle(pending: Promise<void>, sequence: number, done: () => void): Promise<void> {
    try {
      await pending;
      this.#applying = false;
      done();
      this.#done(sequence);
      this.#tellWhere();
      this.#drain();
    } catch (error) {
      this.#applying = false;
      this.#fail(asGodwitError(error));
    }
  }

  #done(sequence: number): void {
    this.#lastApplied = sequence;
    if (sequence - this.#lastAcked >= framesPerAck) this.#acknowledge();
    this.#waits.reached(sequence);
  }

  /** Frames that have arrived by now come first: an acknowledgement costs both ends as much as a tenth of a frame. */
  #acknowledgeSoon(): void {
    if (this.#isIdle || this.#lastAcked === this.#lastApplied) return;
    this.#isIdle = true;
    setImmediate(() => {
      this.#isIdle = false;
      this.#acknowledge();
    });
  }

  /** What the source did not hear of before, or what it has to send again. */
  #tellWhere(): void {
    if (!this.#owesWord) return;
    this.#owesWord = false;
    this.#lastAcked = this.#lastApplied;
    this.#sendAck();
  }

  #sendAck(): void {
    const ack = encodeAck(this.#lastApplied);
    this.#ws?.send(this.#sealer?.seal(ack) ?? ack);
  }

  #acknowledge(): void {
    if (this.#lastAcked === this.#lastApplied || this.#ws === undefined) return;
    this.#lastAcked = this.#lastApplied;
    this.#sendAck();
  }

  #fail(error: GodwitError): void {
    if (this.#reason !== undefined) return;
    this.#reason = error;
    this.#queue.length = 0;
    this.#waits.end(error);
    this.#options.onProblem(error);
    // The reason travels on the control connection: it should be there before this connection ends.
    this.#endReader?.();
    this.#ws?.pause();
    const ws = this.#ws;
    setTimeout(() => ws?.terminate(), cutAfterMs).unref();
  }
}

function outOfOrder(sequence: number, last: number): GodwitError {
  return new GodwitError('PROTOCOL', `page frame ${sequence} came where ${last + 1} was due`, {
    hint: 'frames are lost or repeated; one of the agents has a bug',
  });
}

// The source's end of a page connection: blocks out, acknowledgements in. A block is used again as soon as the
// kernel has taken its bytes; when none is free the reader of memory waits.
import type { Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';
import { asGodwitError, GodwitError } from '../errors.ts';
import { decodeAck } from './page-ack.ts';
import { BlockPool } from './page-block.ts';
import type { Allocate, PageBlock } from './page-block.ts';
import { encodeInFront, lengthOfRuns, runBytes } from './page-frame.ts';
import type { Checksum, PageFrameInfo } from './page-frame.ts';
import { headRoom, maxPageHeader, maxPagePayload } from './limits.ts';
import { bytesOf, socketProblem } from './websocket.ts';

export interface PageSenderOptions {
  readonly checksum: Checksum;
  /** Memory of the blocks; best aligned to pages. */
  readonly allocate?: Allocate;
  /** Blocks of 1 MiB that may be on their way at once. Default 8. */
  readonly blocks?: number;
  /** Sequence of the frame before the first one: a reconnect goes on from the last acknowledgement. */
  readonly lastSequence?: number;
}

export class PageSender {
  /** Aborts with a GodwitError when the connection is over. */
  readonly ended: AbortSignal;
  readonly #ws: WebSocket;
  readonly #checksum: Checksum;
  readonly #pool: BlockPool;
  readonly #end = new AbortController();
  readonly #flushing: { sequence: number; resolve: () => void; reject: (error: GodwitError) => void }[] = [];
  readonly #closed: Promise<void>;
  #lastSequence: number;
  #lastAcked: number;
  #bytesSent = 0;
  #reason: GodwitError | undefined;
  #givenUp: GodwitError | undefined;
  #closing = false;

  constructor(ws: WebSocket, socket: Socket, options: PageSenderOptions) {
    this.#ws = ws;
    this.#checksum = options.checksum;
    this.#pool = new BlockPool(options.blocks ?? 8, options.allocate);
    this.#lastSequence = options.lastSequence ?? 0;
    this.#lastAcked = this.#lastSequence;
    this.ended = this.#end.signal;
    socket.setNoDelay(true);
    ws.on('message', (data, isBinary) => {
      this.#arrived(data, isBinary);
    });
    ws.on('error', (error) => {
      this.#finish(socketProblem(error, 'target'));
    });
    this.#closed = new Promise((resolve) => {
      ws.once('close', (code) => {
        const message = this.#closing
          ? 'the page connection was closed by this side'
          : `the target closed the page connection with code ${code}`;
        this.#finish(new GodwitError('PEER', message, { hint: 'look at the log of the target' }));
        resolve();
      });
    });
  }

  /** Sequence of the last frame that was sent; 0: none. */
  get lastSequence(): number {
    return this.#lastSequence;
  }

  /** Sequence of the last frame that the target has written into its shells. */
  get lastAcked(): number {
    return this.#lastAcked;
  }

  /** Bytes of all frames so far, headers included. */
  get bytesSent(): number {
    return this.#bytesSent;
  }

  /** A block whose payload may be filled. It must be given to send or release. @throws GodwitError the connection's end */
  async acquire(): Promise<PageBlock> {
    return this.#pool.acquire();
  }

  /** Gives back a block that is not sent. */
  release(block: PageBlock): void {
    this.#pool.release(block);
  }

  /** Sends the pages at the start of the block's payload; the block belongs to the sender again. Returns the sequence. */
  send(block: PageBlock, info: PageFrameInfo): number {
    const length = lengthOfRuns(info);
    if (length > maxPagePayload) {
      throw new GodwitError('LIMIT', `${length} bytes of pages do not fit a page frame of ${maxPagePayload}`);
    }
    const checksum = this.#checksum(block.payload.subarray(0, length));
    return this.#send(block.memory, headRoom, length, info, checksum, () => {
      this.#pool.release(block);
    });
  }

  /** Tells of pages that are all zero; nothing but their place travels. Returns the sequence. */
  sendZero(info: PageFrameInfo): number {
    const room = 4 + maxPageHeader + info.runCount * runBytes;
    return this.#send(Buffer.allocUnsafe(room), room, 0, info, 0n, () => undefined);
  }

  /** Waits until the target has written every frame that was sent. @throws GodwitError the connection's end */
  async flush(): Promise<void> {
    const sequence = this.#lastSequence;
    if (this.#lastAcked >= sequence) return;
    if (this.#givenUp !== undefined) throw this.#givenUp;
    await new Promise<void>((resolve, reject) => {
      this.#flushing.push({ sequence, resolve, reject });
    });
  }

  /** Lets what was sent leave, closes, and waits for it at most `graceMs`. */
  async close(graceMs = 1000): Promise<void> {
    this.#closing = true;
    this.#ws.close(1000);
    const timer = setTimeout(() => {
      this.#ws.terminate();
    }, graceMs);
    await this.#closed;
    clearTimeout(timer);
  }

  /** No more pages, though the connection stands until `close`: who waits for a block, or for pages to be written, waits no longer. */
  giveUp(reason: GodwitError): void {
    this.#givenUp ??= reason;
    this.#pool.close(reason);
    for (const { reject } of this.#flushing.splice(0)) reject(reason);
  }

  /** Cuts the connection at once. */
  terminate(): void {
    this.#ws.terminate();
  }

  #send(
    memory: Buffer,
    payloadAt: number,
    length: number,
    info: PageFrameInfo,
    checksum: bigint,
    done: () => void,
  ): number {
    if (this.#reason !== undefined) throw this.#reason;
    const sequence = this.#lastSequence + 1;
    const begin = encodeInFront(memory, payloadAt, info, { sequence, zero: length === 0, checksum });
    this.#lastSequence = sequence;
    this.#bytesSent += payloadAt + length - begin;
    this.#ws.send(memory.subarray(begin, payloadAt + length), (error) => {
      done();
      if (error) this.#finish(socketProblem(error, 'target'));
    });
    return sequence;
  }

  #arrived(data: RawData, isBinary: boolean): void {
    try {
      const acked = isBinary ? decodeAck(bytesOf(data)) : undefined;
      if (acked === undefined || acked < this.#lastAcked || acked > this.#lastSequence) {
        throw new GodwitError('PROTOCOL', 'the target sent a bad acknowledgement on the page connection');
      }
      this.#lastAcked = acked;
      while ((this.#flushing[0]?.sequence ?? Infinity) <= acked) this.#flushing.shift()?.resolve();
    } catch (error) {
      this.#finish(asGodwitError(error));
      this.#ws.terminate();
    }
  }

  #finish(reason: GodwitError): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.giveUp(reason);
    this.#end.abort(reason);
  }
}

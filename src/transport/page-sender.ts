// The source's end of a page connection: blocks out, acknowledgements in. A block is used again as soon as it cannot have to leave once more,
// or its bytes have been compressed into another; when none is free the reader of memory waits.
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { asGodwitError, GodwitError } from '../errors.ts';
import type { Deltas, KeptRuns } from './deltas.ts';
import { Departures } from './departures.ts';
import type { Departure } from './departures.ts';
import { BlockPool } from './page-block.ts';
import type { PageBlock } from './page-block.ts';
import { encodeInFront, lengthOfRuns, runBytes } from './page-frame.ts';
import type { Checksum, PageFrameInfo } from './page-frame.ts';
import { PageLink } from './page-link.ts';
import type { PageSenderOptions } from './page-sender-options.ts';
import { headRoom, maxPageHeader, maxPagePayload } from './limits.ts';
import { Packing } from './packing.ts';
import type { Frame, Traffic } from './packing.ts';
import { WireMeter } from './wire-meter.ts';

export class PageSender {
  /** Aborts with a GodwitError when the connection is over. */
  readonly ended: AbortSignal;
  readonly #link: PageLink;
  readonly #checksum: Checksum;
  readonly #pool: BlockPool;
  readonly #packing: Packing;
  readonly #departures: Departures;
  readonly #meter: WireMeter;
  readonly #deltas: Deltas | undefined;
  readonly #end = new AbortController();
  readonly #flushing: { sequence: number; resolve: () => void; reject: (error: GodwitError) => void }[] = [];
  #lastSequence: number;
  #lastLeft: number;
  #lastAcked: number;
  #bytesSent = 0;
  #reason: GodwitError | undefined;
  #givenUp: GodwitError | undefined;

  constructor(ws: WebSocket, socket: Socket, options: PageSenderOptions) {
    this.#checksum = options.checksum;
    const { blocks = 8, allocate, compression } = options;
    this.#pool = new BlockPool(blocks, allocate);
    this.#packing = new Packing(compression, blocks, allocate);
    this.#departures = new Departures((departure) => {
      this.#leave(departure);
    }, options.limit);
    this.#meter = options.meter ?? new WireMeter();
    this.#deltas = options.deltas;
    this.#lastSequence = options.lastSequence ?? 0;
    this.#lastLeft = this.#lastSequence;
    this.#lastAcked = this.#lastSequence;
    this.ended = this.#end.signal;
    this.#link = new PageLink(ws, socket, {
      meter: this.#meter,
      redial: options.redial,
      seal: options.seal,
      sealInto: options.sealInto,
      onAck: (sequence) => {
        this.#acked(sequence);
      },
      onEnd: (reason) => {
        this.#finish(reason);
      },
    });
  }

  /** The connection's descriptor; undefined: it has none any more. */
  get fd(): number | undefined {
    return this.#link.fd;
  }

  /** Sequence of the last frame that was sent; 0: none. */
  get lastSequence(): number {
    return this.#lastSequence;
  }

  /** Sequence of the last frame that the target has written into its shells. */
  get lastAcked(): number {
    return this.#lastAcked;
  }

  /** Bytes of all frames that have left so far, headers included. */
  get bytesSent(): number {
    return this.#bytesSent;
  }

  /** A snapshot. */
  get traffic(): Traffic {
    return this.#packing.traffic;
  }

  /** A block whose payload may be filled. It must be given to send or release. @throws GodwitError the connection's end */
  async acquire(): Promise<PageBlock> {
    return this.#pool.acquire();
  }

  /** Gives back a block that is not sent. */
  release(block: PageBlock): void {
    this.#pool.release(block);
  }

  /**
   * Sends the pages at the start of the block's payload; the block belongs to the sender again, and so do the runs until the frame has left.
   * Returns the sequence.
   */
  send(block: PageBlock, info: PageFrameInfo): number {
    const length = lengthOfRuns(info);
    if (length > maxPagePayload) {
      throw new GodwitError('LIMIT', `${length} bytes of pages do not fit a page frame of ${maxPagePayload}`);
    }
    if (this.#reason !== undefined) throw this.#reason;
    const payload = block.payload.subarray(0, length);
    const sequence = this.#lastSequence + 1;
    const checksum = this.#checksum(payload);
    const deltaBytes = this.#deltas?.encode(info, payload) ?? 0;
    const delta = deltaBytes > 0 ? deltaBytes : undefined;
    const content = payload.subarray(0, delta ?? length);
    const frame: Frame = { ...info, sequence, checksum, delta };
    const done = (): void => {
      this.#pool.release(block);
    };
    // Encoded at once, whether it leaves so or not: a frame that cannot be encoded takes no sequence.
    const begin = encodeInFront(block.memory, headRoom, frame, { sequence, zero: false, checksum, delta });
    const bytes = block.memory.subarray(begin, headRoom + content.length);
    const plain: Departure = { sequence, bytes, isPlain: delta === undefined, done };
    this.#lastSequence = sequence;
    const codec = this.#packing.choose(content, frame);
    if (codec === 'none') this.#departures.add(plain);
    else {
      const ready = this.#departures.reserve();
      this.#packing
        .pack(codec, block, content.length, frame, plain)
        .then(ready)
        .catch((error: unknown) => {
          this.#break(error);
        });
    }
    return sequence;
  }

  /** Of a space or object the target has kept these pages at most. */
  keepBases(of: Pick<PageFrameInfo, 'kind' | 'space'>, kept: KeptRuns): void {
    this.#deltas?.keep(of, kept);
  }

  /** Tells of pages that are all zero; nothing but their place travels. Returns the sequence. */
  sendZero(info: PageFrameInfo): number {
    if (this.#reason !== undefined) throw this.#reason;
    this.#deltas?.zeros(info);
    const sequence = this.#lastSequence + 1;
    const room = 4 + maxPageHeader + info.runCount * runBytes;
    const memory = Buffer.allocUnsafe(room);
    const begin = encodeInFront(memory, room, info, { sequence, zero: true, checksum: 0n });
    this.#lastSequence = sequence;
    this.#departures.add({ sequence, bytes: memory.subarray(begin), isPlain: true, done: () => undefined });
    return sequence;
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

  /** Waits until no frame is being compressed any more, and nothing but the kernel's room can hold one back. @throws the connection's end */
  async departed(): Promise<void> {
    await this.#departures.empty();
    if (this.#givenUp !== undefined) throw this.#givenUp;
  }

  /** Closes, after what has left; waits for it at most `graceMs`. */
  async close(graceMs = 1000): Promise<void> {
    this.#departures.end();
    await this.#link.close(graceMs);
  }

  /** No more pages, though the connection stands until `close`: who waits for a block, or for pages to be written, waits no longer. */
  giveUp(reason: GodwitError): void {
    this.#givenUp ??= reason;
    this.#pool.close(reason);
    this.#packing.close(reason);
    for (const { reject } of this.#flushing.splice(0)) reject(reason);
  }

  /** Cuts the connection at once, for good. */
  terminate(): void {
    this.#link.terminate();
  }

  /** The link is known to be dead: another connection takes its place, where it may. */
  cut(): void {
    this.#link.cut();
  }

  /** From now on nothing waits for another connection. @throws GodwitError there is none at this moment */
  forbidResuming(): void {
    this.#link.forbidResuming();
  }

  #leave(departure: Departure): void {
    const { sequence, bytes, isPlain } = departure;
    this.#lastLeft = sequence;
    this.#bytesSent += bytes.length;
    this.#meter.left({ sequence, bytes: bytes.length, isPlain });
    this.#link.leave(departure);
  }

  #acked(sequence: number): void {
    if (sequence < this.#lastAcked || sequence > this.#lastLeft)
      throw new GodwitError('PROTOCOL', 'the target sent a bad acknowledgement on the page connection');
    this.#lastAcked = sequence;
    this.#meter.acked(sequence);
    while ((this.#flushing[0]?.sequence ?? Infinity) <= sequence) this.#flushing.shift()?.resolve();
  }

  #break(error: unknown): void {
    this.#finish(asGodwitError(error));
    this.#link.terminate();
  }

  #finish(reason: GodwitError): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#departures.end();
    this.giveUp(reason);
    this.#link.end(reason);
    this.#end.abort(reason);
  }
}

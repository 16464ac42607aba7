// A relay between a source and a target that speak plaintext: it reads the control connection's messages on their way, and at each of
// them something can be made to happen, before it is handed on or behind that. Everything else passes as it comes.
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { once } from 'node:events';
import type { Side } from '../../../src/transport/messages.ts';
import { decodeMessage } from '../../../src/transport/messages.ts';

export type When = 'before' | 'after';

export interface Passing {
  readonly from: Side;
  readonly type: string;
  readonly when: When;
}

/** Returns what becomes of the message, of which this is the one chance: before. Bytes: another one in its place. */
export type OnPassing = (passing: Passing, content: Buffer) => 'pass' | 'twice' | Uint8Array;

interface Line {
  readonly near: Socket;
  readonly far: Socket;
}

/** RFC 6455, 5.2; of what our own agents send: no fragments. */
const binary = 0x82;
const masked = 0x80;

export class Relay implements Disposable {
  readonly #server: Server;
  readonly #lines = new Set<Line>();
  readonly #target: { readonly host: string; readonly port: number };
  readonly #onPassing: OnPassing;
  #isStalled = false;

  private constructor(target: { host: string; port: number }, onPassing: OnPassing) {
    this.#target = target;
    this.#onPassing = onPassing;
    this.#server = createServer((near) => {
      this.#serve(near);
    });
  }

  static async start(
    ip: string,
    target: { host: string; port: number },
    onPassing: OnPassing,
  ): Promise<Relay> {
    const relay = new Relay(target, onPassing);
    relay.#server.listen(0, ip);
    await once(relay.#server, 'listening');
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** All connections that stand are reset; others may come. */
  cut(): void {
    for (const { near, far } of this.#lines) for (const socket of [near, far]) socket.resetAndDestroy();
    this.#lines.clear();
  }

  /** Nothing passes any more on what stands, for so long; then it is cut. */
  stall(forMs: number): void {
    this.#isStalled = true;
    setTimeout(() => {
      this.#isStalled = false;
      this.cut();
    }, forMs).unref();
  }

  [Symbol.dispose](): void {
    this.#server.close();
    this.cut();
  }

  #serve(near: Socket): void {
    const far = connect(this.#target);
    const line = { near, far };
    this.#lines.add(line);
    const state = { isControl: false };
    this.#flow(near, far, new Stream('source', state, this.#onPassing));
    this.#flow(far, near, new Stream('target', state, this.#onPassing));
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.once('close', () => {
        this.#lines.delete(line);
        near.destroy();
        far.destroy();
      });
    }
  }

  #flow(from: Socket, into: Socket, stream: Stream): void {
    from.on('data', (bytes: Buffer) => {
      stream.pass(bytes, (part) => {
        if (!this.#isStalled && !into.destroyed) into.write(part);
      });
    });
  }
}

/** One direction of a connection. */
class Stream {
  readonly #from: Side;
  readonly #state: { isControl: boolean };
  readonly #onPassing: OnPassing;
  #bytes = Buffer.alloc(0);
  #hasHead = false;

  constructor(from: Side, state: { isControl: boolean }, onPassing: OnPassing) {
    this.#from = from;
    this.#state = state;
    this.#onPassing = onPassing;
  }

  pass(more: Buffer, write: (part: Buffer) => void): void {
    if (this.#hasHead && !this.#state.isControl) {
      write(more);
      return;
    }
    this.#bytes = Buffer.concat([this.#bytes, more]);
    for (;;) {
      const length = this.#hasHead ? frameLength(this.#bytes) : this.#headLength();
      if (length === undefined || this.#bytes.length < length) return;
      const part = this.#bytes.subarray(0, length);
      this.#bytes = this.#bytes.subarray(length);
      if (this.#hasHead) this.#frame(part, write);
      else {
        if (this.#from === 'source')
          this.#state.isControl = /^GET \/v1\/control\?.*purpose=migrate/.test(part.toString('latin1'));
        this.#hasHead = true;
        write(part);
      }
      if (!this.#state.isControl) {
        write(this.#bytes);
        this.#bytes = Buffer.alloc(0);
        return;
      }
    }
  }

  #frame(frame: Buffer, write: (part: Buffer) => void): void {
    const type = frame[0] === binary ? typeIn(this.#from, contentOf(frame)) : undefined;
    if (type === undefined) {
      write(frame);
      return;
    }
    const content = contentOf(frame);
    const fate = this.#onPassing({ from: this.#from, type, when: 'before' }, content);
    write(fate instanceof Uint8Array ? frameOf(this.#from, fate) : frame);
    if (fate === 'twice') write(frame);
    this.#onPassing({ from: this.#from, type, when: 'after' }, content);
  }

  #headLength(): number | undefined {
    const end = this.#bytes.indexOf('\r\n\r\n');
    return end < 0 ? undefined : end + 4;
  }
}

function frameLength(bytes: Buffer): number | undefined {
  const start = contentAt(bytes);
  if (start === undefined) return undefined;
  const code = (bytes[1] ?? 0) & 0x7f;
  const length = code < 126 ? code : code === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  return start + length;
}

/** undefined: the frame's head is not all there. */
function contentAt(bytes: Buffer): number | undefined {
  if (bytes.length < 2) return undefined;
  const code = (bytes[1] ?? 0) & 0x7f;
  const mask = ((bytes[1] ?? 0) & masked) === 0 ? 0 : 4;
  const head = 2 + (code < 126 ? 0 : code === 126 ? 2 : 8) + mask;
  return bytes.length < head ? undefined : head;
}

function contentOf(frame: Buffer): Buffer {
  return frame.subarray(contentAt(frame) ?? 0); // the mask of our own sources is zero
}

/** With a length of 64 bits, and the source's mask of zeros. */
function frameOf(from: Side, content: Uint8Array): Buffer {
  const head = Buffer.alloc(from === 'source' ? 14 : 10);
  head[0] = binary;
  head[1] = 127 | (from === 'source' ? masked : 0);
  head.writeBigUInt64BE(BigInt(content.length), 2);
  return Buffer.concat([head, content]);
}

/** undefined: no message, but a count of messages (docs/protocol.md, "Links that come back"). */
function typeIn(from: Side, content: Buffer): string | undefined {
  try {
    return decodeMessage(from, content).type;
  } catch {
    return undefined;
  }
}

// This host's half of connections whose tree has left and whose address has stayed. What comes for them is captured and goes to the target
// by the control connection; what they say there comes back by it, and leaves this host in its own name.
//
//   other end <---- network ----> packet socket (capture)  ---- late ---->  tun device of a network
//                                 raw socket               <-- forward ---  with this host's addresses
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ForwardedConnections } from '../../kernel/forwarded-connections.ts';
import { ForwardRecordFile } from '../../kernel/forward-record.ts';
import { joinSegments, splitSegments } from '../../kernel/tcp-segment.ts';
import { native } from '../../native.ts';
import type { ControlConnection } from '../../transport/control-connection.ts';
import type { MessageOf } from '../../transport/messages.ts';
import { firstOf, type SegmentCapture } from '../segment-capture.ts';
import type { KeptSockets } from './kept-sockets.ts';

type Control = Pick<ControlConnection<'source'>, 'handle' | 'send' | 'unsent' | 'ended'>;
type Forward = Extract<MessageOf['target'], { type: 'forward' }>;

const mostAtOnce = 1 << 20;
/** A link that takes no more: the network is slow, and TCP sends again. */
const mostUnsent = 8 << 20;
const waitMs = 250;
const recordEveryMs = 1000;

export interface ForwarderParts {
  readonly id: string;
  /** The target, "10.0.0.7:7070". */
  readonly peer: string;
  readonly control: Control;
  readonly connections: ForwardedConnections;
}

export class Forwarder {
  readonly #parts: ForwarderParts;
  readonly #connections: ForwardedConnections;
  #there = 0;
  #back = 0;
  #recordedAt = -Infinity;
  #sockets: KeptSockets | undefined;

  /** What the target sends is heard from now on. Preconditions: it sends nothing yet. */
  constructor(parts: ForwarderParts) {
    this.#parts = parts;
    this.#connections = parts.connections;
    parts.control.handle('forward', (message) => {
      this.#return(message);
    });
  }

  get connections(): number {
    return this.#connections.size;
  }

  /**
   * Until the last connection has ended, the target is gone, or `signal` aborts: then the others are reset. It disposes of what it is given.
   */
  async run(capture: SegmentCapture, sockets: KeptSockets, signal: AbortSignal): Promise<void> {
    const { id, peer, control } = this.#parts;
    using record = new ForwardRecordFile(id, 'source', peer);
    using _sockets = sockets;
    using _capture = capture;
    sockets.only(this.#connections);
    this.#sockets = sockets;
    while (this.#connections.size > 0 && !control.ended.aborted && !signal.aborted) {
      if (performance.now() - this.#recordedAt > recordEveryMs) {
        this.#recordedAt = performance.now();
        record.write({ connections: this.#connections.names, there: this.#there, back: this.#back });
      }
      await capture.wait(waitMs);
      await this.#bring(this.#connections.packetsOf(capture.everything(), true));
    }
    sockets[Symbol.dispose](); // or this kernel would not answer whoever asks about its reset
    native.sendSegments(joinSegments(this.#connections.resets()));
  }

  async #bring(packets: readonly Uint8Array[]): Promise<void> {
    const { control } = this.#parts;
    for (let left = packets; left.length > 0;) {
      if (control.ended.aborted) return;
      if (control.unsent > mostUnsent) {
        await sleep(1);
        continue;
      }
      const now = firstOf(left, mostAtOnce);
      const segments = joinSegments(now.length === 0 ? left.slice(0, 1) : now);
      left = left.slice(Math.max(1, now.length));
      this.#there += segments.length;
      try {
        control.send({ type: 'late', segments });
      } catch {
        return; // the link broke, which is its end
      }
    }
  }

  /** The target could send anything to anybody in this host's name: only what is of these connections leaves it. */
  #return({ segments, ended }: Forward): void {
    const packets = this.#connections.packetsOf(splitSegments(segments), false);
    if (packets.length > 0) native.sendSegments(joinSegments(packets));
    this.#back += segments.length;
    for (const name of ended) {
      this.#connections.delete(name);
      this.#sockets?.end(name);
    }
  }
}

// A worker's end of the stream to its keeper (the frames: native/keeper/post_copy.h): pages there, who waits for pages back.
import { Socket } from 'node:net';
import { GodwitError } from '../../errors.ts';
import { errnoName } from '../../kernel/program.ts';
import type { WritablePages } from '../pages/page-writer.ts';

const headerBytes = 24;
const noticeBytes = 24;
const kinds = { pages: 1, zeros: 2 } as const;
const notices = { wanted: 1, applied: 2, complete: 3, failed: 4 } as const;

export interface WantedPage {
  readonly space: number;
  /** On the source. */
  readonly address: number;
}

export interface FaultStreamEvents {
  /** Threads wait for these. */
  readonly wanted: (pages: readonly WantedPage[]) => void;
  /** Nothing is missing any more. */
  readonly complete: () => void;
  /** The keeper has hung up, or a page could not be put where it belongs; the last event. */
  readonly ended: (reason: GodwitError) => void;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (reason: GodwitError) => void;
}

export class FaultStream {
  readonly #socket: Socket;
  readonly #events: FaultStreamEvents;
  readonly #waiting: Waiting[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #reason: GodwitError | undefined;

  /** `fd`: from KeeperPostCopy.connect; it is ours. */
  constructor(fd: number, events: FaultStreamEvents) {
    this.#events = events;
    this.#socket = new Socket({ fd, readable: true, writable: true });
    this.#socket.on('data', (data) => {
      this.#read(data);
    });
    this.#socket.on('error', (cause) => {
      this.#end(hungUp(cause));
    });
    this.#socket.on('close', () => {
      this.#end(hungUp());
    });
  }

  /** Resolves when the pages are where they belong, or belong nowhere any more. @throws GodwitError KEEPER, NO_SPACE */
  async apply({ space, zero, runs, runCount, payload }: WritablePages): Promise<void> {
    if (this.#reason !== undefined) throw this.#reason;
    const head = Buffer.alloc(headerBytes + 16 * runCount);
    head.writeUInt32LE(zero ? kinds.zeros : kinds.pages, 0);
    head.writeUInt32LE(runCount, 4);
    head.writeBigUInt64LE(BigInt(space), 8);
    head.writeBigUInt64LE(BigInt(zero ? 0 : payload.length), 16);
    const pairs = runs.subarray(0, 2 * runCount);
    head.set(new Uint8Array(pairs.buffer, pairs.byteOffset, pairs.byteLength), headerBytes);
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket.cork();
      this.#socket.write(head);
      if (!zero) this.#socket.write(payload);
      this.#socket.uncork();
    });
  }

  close(): void {
    this.#end(new GodwitError('CANCELLED', 'the stream to the keeper was closed'));
    this.#socket.destroy();
  }

  #read(data: Buffer): void {
    const all = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    const wanted: WantedPage[] = [];
    let at = 0;
    for (; at + noticeBytes <= all.length; at += noticeBytes) {
      const kind = all.readUInt32LE(at);
      const [space, value] = [Number(all.readBigUInt64LE(at + 8)), Number(all.readBigUInt64LE(at + 16))];
      if (kind === notices.wanted) wanted.push({ space, address: value });
      else if (kind === notices.applied) this.#waiting.shift()?.resolve();
      else if (kind === notices.complete) this.#events.complete();
      else if (kind === notices.failed) this.#end(notPut(value));
    }
    this.#rest = all.subarray(at);
    if (wanted.length > 0) this.#events.wanted(wanted);
  }

  #end(reason: GodwitError): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
    this.#events.ended(reason);
  }
}

function hungUp(cause?: unknown): GodwitError {
  return new GodwitError(
    'KEEPER',
    'the keeper of the tree has hung up: another worker has come, or it has ended',
    {
      cause,
    },
  );
}

function notPut(errno: number): GodwitError {
  const name = errnoName(-errno);
  const code = name === 'ENOMEM' ? 'NO_SPACE' : 'SYSCALL';
  return new GodwitError(code, `a page cannot be put into the tree, which waits for it: ${name}`, {
    hint: 'the target may be out of memory; the source tries again',
  });
}

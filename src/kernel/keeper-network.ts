// What the keeper does about the network: on the source it takes back what the freeze has done to sockets and addresses, on the target it
// brings them to life when the tree runs (native/keeper/undo.h, speech.h).
import { closeSync } from 'node:fs';
import type { KeeperSocket } from './keeper-socket.ts';
import { memoryFile } from './memory-file.ts';

/** What a connection to somebody outside the tree still has to say. */
export interface Ending {
  /** SO_REUSEADDR, which TCP_REPAIR forgets. */
  readonly reuse: boolean;
  /** The other end may have got these. */
  readonly sent: Uint8Array;
  /** The end of what it sends was told behind them. */
  readonly finSent: boolean;
  readonly unsent: Uint8Array;
  /** The end of what it sends is still to be told. */
  readonly shut: boolean;
}

export class KeeperNetwork {
  readonly #socket: KeeperSocket;

  constructor(socket: KeeperSocket) {
    this.#socket = socket;
  }

  /** Each returns its number on the undo list. To be called before a TCP connection is locked; `reuse`: it has SO_REUSEADDR. */
  undoUnlock(fd: number, reuse: boolean): number {
    return this.#number(['undo', 'unlock', Number(reuse)], fd);
  }

  /** The same for a listening socket. */
  undoHear(fd: number): number {
    return this.#number(['undo', 'hear'], fd);
  }

  /** Before an address is taken off this host: the message that gives it back (RTM_NEWADDR). */
  undoAddress(message: Uint8Array): number {
    return this.#number(['undo', 'address', hex(message)]);
  }

  /** The same of a route that goes with it (RTM_NEWROUTE). */
  undoRoute(message: Uint8Array): number {
    return this.#number(['undo', 'route', hex(message)]);
  }

  /** Target, before RUNNING: this host gets the address when the tree runs. */
  sayAddress(message: Uint8Array): void {
    this.#socket.request({ fields: ['say', 'address', hex(message)] });
  }

  /** The same: a connection, in repair mode and locked, speaks. */
  sayConnection(fd: number, { reuse, sent, finSent, unsent, shut }: Ending): void {
    const fields = ['say', 'connection', Number(reuse), sent.length, Number(finSent), Number(shut)];
    const number = this.#number(fields, fd);
    if (sent.length + unsent.length > 0) this.#withMemory(['say', 'data', number], sent, unsent);
  }

  /** The same: segments that came to the source meanwhile (kernel/tcp-segment.ts). */
  saySegments(segments: Uint8Array): void {
    this.#withMemory(['say', 'segments'], segments);
  }

  /** Target, RUNNING: segments that came to the source too late for that. */
  bring(segments: Uint8Array): void {
    this.#withMemory(['bring'], segments);
  }

  #withMemory(fields: readonly (string | number)[], ...parts: readonly Uint8Array[]): void {
    const fd = memoryFile('godwit-network', ...parts);
    try {
      this.#socket.request({ fields, fd });
    } finally {
      closeSync(fd);
    }
  }

  #number(fields: readonly (string | number)[], fd = -1): number {
    return Number(this.#socket.request({ fields, fd }).fields[0]);
  }
}

const hex = (message: Uint8Array): string => Buffer.from(message).toString('hex');

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

/** The agent's copy of a socket, and what it has still to say. */
export interface SilentConnection {
  readonly fd: number;
  readonly ending: Ending;
}

export interface LockedConnection {
  /** On the undo list. */
  readonly number: number;
  /** It had SO_REUSEADDR, which repair mode forgets. */
  readonly reuse: boolean;
  /** What the other end takes, bytes: while it is locked the kernel believes that it takes nothing. */
  readonly window: number;
}

export class KeeperNetwork {
  readonly #socket: KeeperSocket;

  constructor(socket: KeeperSocket) {
    this.#socket = socket;
  }

  /**
   * Locks TCP connections, all or none: they hear nothing and say nothing until their entries on the undo list are reverted.
   * Preconditions: no process that has one runs, not even if this agent dies. @throws GodwitError KEEPER
   */
  lock(fds: readonly number[]): LockedConnection[] {
    return inBatches(fds, (batch) => {
      const { fields } = this.#socket.request({ fields: ['lock', 'connections'], fds: batch });
      return batch.map((_, i) => {
        const [number, reuse, window] = fields.slice(3 * i);
        return { number: Number(number), reuse: reuse === '1', window: Number(window) };
      });
    });
  }

  /** A listening socket accepts nobody new; handshakes that have begun come to their end. Returns its number on the undo list. */
  lockListener(fd: number): number {
    return this.#number(['lock', 'listener'], fd);
  }

  /** Takes back one thing of the undo list. @throws GodwitError KEEPER */
  revert(number: number): void {
    this.#socket.request({ fields: ['revert', number] });
  }

  /** Each returns its number on the undo list. Before an address is taken off this host: the message that gives it back (RTM_NEWADDR). */
  undoAddress(message: Uint8Array): number {
    return this.#number(['undo', 'address', hex(message)]);
  }

  /** The same of a route that goes with it (RTM_NEWROUTE). */
  undoRoute(message: Uint8Array): number {
    return this.#number(['undo', 'route', hex(message)]);
  }

  /** The same, before a link is changed: an order of rtnetlink(7) to the keeper's network. */
  undoLink(type: number, message: Uint8Array): number {
    return this.#number(['undo', 'link', type, hex(message)]);
  }

  /** Target, before RUNNING: an order to the network of this socket, when the tree runs. In the order of these calls, before the addresses. */
  sayLink(type: number, message: Uint8Array, socket: number): void {
    this.#socket.request({ fields: ['say', 'link', type, hex(message)], fd: socket });
  }

  /** Target, before RUNNING: this host gets the address when the tree runs. */
  sayAddress(message: Uint8Array): void {
    this.#socket.request({ fields: ['say', 'address', hex(message)] });
  }

  /** The same: connections, in repair mode and locked, speak. */
  sayConnections(connections: readonly SilentConnection[]): void {
    inBatches(connections, (batch) => {
      const about = batch.flatMap(({ ending: { reuse, sent, unsent, finSent, shut } }) => [
        Number(reuse),
        sent.length,
        unsent.length,
        Number(finSent),
        Number(shut),
      ]);
      const data = batch.flatMap(({ ending: { sent, unsent } }) => [sent, unsent]);
      const sockets = batch.map(({ fd }) => fd);
      this.#withMemory(['say', 'connections', ...about], data, sockets);
      return [];
    });
  }

  /** The same: segments that came to the source meanwhile (kernel/tcp-segment.ts). */
  saySegments(segments: Uint8Array): void {
    this.#withMemory(['say', 'segments'], [segments]);
  }

  /** Target, RUNNING: segments that came to the source too late for that. */
  bring(segments: Uint8Array): void {
    this.#withMemory(['bring'], [segments]);
  }

  /** The memory goes behind the other descriptors. */
  #withMemory(
    fields: readonly (string | number)[],
    parts: readonly Uint8Array[],
    fds: readonly number[] = [],
  ): void {
    const memory = memoryFile('godwit-network', ...parts);
    try {
      this.#socket.request({ fields, fds: [...fds, memory] });
    } finally {
      closeSync(memory);
    }
  }

  #number(fields: readonly (string | number)[], fd = -1): number {
    return Number(this.#socket.request({ fields, fd }).fields[0]);
  }
}

/** What one request takes: 128 descriptors, 16 KiB of text. */
const mostAtOnce = 100;

function inBatches<T, R>(all: readonly T[], work: (batch: readonly T[]) => readonly R[]): R[] {
  const done: R[] = [];
  for (let at = 0; at < all.length; at += mostAtOnce) done.push(...work(all.slice(at, at + mostAtOnce)));
  return done;
}

const hex = (message: Uint8Array): string => Buffer.from(message).toString('hex');

// Connections that have not said what they want: few, and not for long.
import type { Duplex } from 'node:stream';
import { Socket } from 'node:net';
import { formatEndpoint } from '../transport/endpoint.ts';
import type { LogLevel } from './session.ts';

export interface FreshOptions {
  readonly maxPending: number;
  readonly timeoutMs: number;
  readonly log: (level: LogLevel, text: string) => void;
}

export class FreshConnections {
  readonly #options: FreshOptions;
  readonly #sockets = new Set<Duplex>();

  constructor(options: FreshOptions) {
    this.#options = options;
  }

  /** False: there are too many, and it has been closed. */
  add(socket: Socket): boolean {
    const { maxPending, timeoutMs, log } = this.#options;
    const peer = peerOf(socket);
    if (this.#sockets.size >= maxPending) {
      log('warning', `${peer}: refused, ${this.#sockets.size} connections already wait for their first word`);
      socket.destroy();
      return false;
    }
    this.#sockets.add(socket);
    const timer = setTimeout(() => {
      if (!this.#sockets.delete(socket)) return;
      log('warning', `${peer}: said nothing for ${timeoutMs} ms`);
      socket.destroy();
    }, timeoutMs);
    timer.unref();
    socket.once('close', () => {
      clearTimeout(timer);
      this.#sockets.delete(socket);
    });
    return true;
  }

  /** It has said it. */
  settled(socket: Duplex): void {
    this.#sockets.delete(socket);
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

export function peerOf(socket: Duplex): string {
  const { remoteAddress, remotePort } = socket instanceof Socket ? socket : {};
  return formatEndpoint({ address: remoteAddress ?? '?', port: remotePort ?? 0 });
}

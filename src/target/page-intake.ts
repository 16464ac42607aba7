// Page connections may arrive before the session has said what to do with their frames: then they wait, unread.
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { GodwitError } from '../errors.ts';
import type { PageSeal } from '../transport/page-keys.ts';
import { PageReceiver } from '../transport/page-receiver.ts';
import type { PageReceiverOptions } from '../transport/page-receiver.ts';

export class PageIntake {
  #receiver: PageReceiver | undefined;
  #early: { ws: WebSocket; socket: Socket; seal: PageSeal | undefined } | undefined;

  attach(ws: WebSocket, socket: Socket, seal: PageSeal | undefined): void {
    if (this.#receiver !== undefined) {
      this.#receiver.attach(ws, socket, seal);
      return;
    }
    this.#early?.ws.terminate();
    this.#early = { ws, socket, seal };
    ws.on('error', () => undefined);
    ws.pause();
  }

  open(options: PageReceiverOptions): PageReceiver {
    if (this.#receiver !== undefined) throw new GodwitError('INTERNAL', 'openPages was called twice');
    this.#receiver = new PageReceiver(options);
    if (this.#early !== undefined) {
      const { ws, socket, seal } = this.#early;
      this.#receiver.attach(ws, socket, seal);
      this.#early = undefined;
    }
    return this.#receiver;
  }

  close(): void {
    this.#early?.ws.terminate();
    this.#receiver?.close();
  }
}

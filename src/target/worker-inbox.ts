// What the daemon says to a worker. The modules of a session take a third of a second to load, so the worker says at once that
// it listens, and keeps what it is told until they are there: a socket that is reset while nobody listens to it would end
// the process.
import type { Socket } from 'node:net';
import type { FromWorker, ToWorker } from './worker-messages.ts';

export type ToldWorker = (told: ToWorker, socket: Socket | undefined) => void;

export class WorkerInbox {
  readonly #waiting: Parameters<ToldWorker>[] = [];
  #deliver: ToldWorker | undefined;

  constructor() {
    process.on('message', (message, handle) => {
      const told = message as ToWorker;
      const socket = handle as Socket | undefined;
      socket?.on('error', () => undefined); // who uses it finds it destroyed
      if (this.#deliver === undefined) this.#waiting.push([told, socket]);
      else this.#deliver(told, socket);
    });
    const ready: FromWorker = { kind: 'ready' };
    process.send?.(ready, undefined, undefined, () => undefined);
  }

  /** What has come, and all that comes, in order. To be called once. */
  open(deliver: ToldWorker): void {
    this.#deliver = deliver;
    for (const [told, socket] of this.#waiting.splice(0)) deliver(told, socket);
  }
}

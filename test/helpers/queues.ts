// POSIX message queues for tests: made by this process, read by it, gone afterwards.
import { closeSync } from 'node:fs';
import { runLocal } from '../../src/kernel/local-program.ts';
import {
  opening,
  openNonblock,
  openQueue,
  openReadWrite,
  queueAttributes,
  sendMessage,
  unlinkQueue,
  type QueueMessage,
} from '../../src/kernel/message-queues.ts';
import { Program } from '../../src/kernel/program.ts';

export class TestQueue implements Disposable {
  readonly name: string;
  /** Open for reading and writing, does not block. */
  readonly fd: number;

  constructor(name: string, maxMessages = 10, messageSize = 64) {
    this.name = name;
    const program = new Program();
    const fd = opening(program, name, openReadWrite | openNonblock, { maxMessages, messageSize });
    this.fd = runLocal(program).number(fd);
    if (this.fd < 0) throw new Error(`${name} cannot be made: ${this.fd}`);
  }

  send(priority: number, text: string): void {
    const program = new Program();
    sendMessage(program, this.fd, { priority, text: new Uint8Array(Buffer.from(text)) });
    runLocal(program);
  }

  get count(): number {
    return queueAttributes(this.fd).count;
  }

  /** The name leads somewhere. */
  static isThere(name: string): boolean {
    const fd = openQueue(name, openNonblock);
    if (fd >= 0) closeSync(fd);
    return fd >= 0;
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
    unlinkQueue(this.name);
  }
}

export const shown = (messages: readonly QueueMessage[]): [number, string][] =>
  messages.map(({ priority, text }) => [priority, Buffer.from(text).toString('latin1')]);

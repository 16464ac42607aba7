// Programs that a bench starts and that answer by lines: ends of connections, and what stands beside them for comparison.
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

type Child = ChildProcessByStdio<Writable, Readable, null>;
export type Word = string | number;

export interface Started {
  readonly child: Child;
  /** The next line of its output. @throws Error when it has ended */
  readonly line: () => Promise<string>;
}

/** What was started and has not ended. */
export class Children implements Disposable {
  readonly #running = new Set<Child>();

  start(command: string, words: readonly Word[]): Started {
    const child = spawn(command, words.map(String), { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#running.add(child);
    child.once('exit', () => this.#running.delete(child));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const line = async (): Promise<string> => {
      const next = await lines.next();
      if (next.done === true) throw new Error(`${command} ${words.join(' ')} has ended without a word`);
      return next.value;
    };
    return { child, line };
  }

  /** A TypeScript program. */
  startNode(path: string, words: readonly Word[]): Started {
    return this.start(process.execPath, ['--import', import.meta.resolve('tsx'), path, ...words]);
  }

  [Symbol.dispose](): void {
    for (const child of this.#running) child.kill('SIGKILL');
  }
}

export interface Figures {
  /** Gigabytes (10^9) of pages a second. */
  readonly rate: number;
  /** CPU-seconds of each end a gigabyte of pages. */
  readonly sendCpu: number;
  readonly receiveCpu: number;
  /** What else the sender has said. */
  readonly more: readonly string[];
}

/**
 * One move of so many bytes from a sender to a receiver, which says its port first; both say seconds and CPU-seconds at their end.
 * `send` and `receive` start them.
 */
export async function moveBetween(
  bytes: number,
  receive: () => Started,
  send: (port: string) => Started,
): Promise<Figures> {
  const receiver = receive();
  const sender = send(await receiver.line());
  const [sent, received] = await Promise.all([sender.line(), receiver.line()]);
  for (const { child } of [sender, receiver])
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  const [seconds, sendCpu, ...more] = sent.split(' ');
  const [, receiveCpu] = received.split(' ');
  const gigabytes = bytes / 1e9;
  return {
    rate: gigabytes / Number(seconds),
    sendCpu: Number(sendCpu) / gigabytes,
    receiveCpu: Number(receiveCpu) / gigabytes,
    more,
  };
}

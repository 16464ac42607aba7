// Clients of a server whose address moves along with it: they connect once, check what they get, and say what went wrong.
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { WebSocket } from 'ws';
import { until } from '../helpers/commands.ts';

export interface KeptClients {
  /** Every one of them gets something from now on. */
  goOn(what: string): Promise<void>;
  /** Since the last call, milliseconds. */
  takeLongestMs?(): number;
}

/** Many connections of one kind, each of which asks and is answered in turn. */
export class ManyClients implements KeptClients, Disposable {
  readonly problems: string[] = [];
  readonly #answers: number[] = [];
  readonly #last: number[] = [];
  readonly #ends: (() => void)[] = [];
  #longestMs = 0;
  #isOver = false;

  /** Echoes of an own kind of bytes each, by a hash of all that was sent and all that came. */
  static echoes(host: string, port: number, count: number, pauseMs: number): ManyClients {
    const clients = new ManyClients();
    for (let i = 0; i < count; i++) clients.#echo(i, host, port, pauseMs);
    return clients;
  }

  static webSockets(url: string, count: number, pauseMs: number): ManyClients {
    const clients = new ManyClients();
    for (let i = 0; i < count; i++) clients.#webSocket(i, url, pauseMs);
    return clients;
  }

  async goOn(what: string): Promise<void> {
    const before = [...this.#answers];
    const waiting = (): number[] =>
      this.#answers.flatMap((answers, i) => (answers > (before[i] ?? 0) + 1 ? [] : [i]));
    await until(
      () => `all clients go on, ${what}: ${String(waiting().length)} wait; ${this.problems.join(', ')}`,
      () => waiting().length === 0,
      60_000,
    );
  }

  /** Every one of them has got its first answer. */
  async first(): Promise<void> {
    await until('all clients are answered', () => this.#answers.every((answers) => answers > 0), 60_000);
  }

  takeLongestMs(): number {
    const longest = this.#longestMs;
    this.#longestMs = 0;
    return longest;
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    for (const end of this.#ends) end();
  }

  #echo(i: number, host: string, port: number, pauseMs: number): void {
    const socket = connect({ host, port, noDelay: true });
    const [sent, heard] = [createHash('sha256'), createHash('sha256')];
    let missing = 0;
    this.#expect(i, () => socket.destroy());
    const ask = (): void => {
      if (this.#isOver) return;
      const n = this.#answers[i] ?? 0;
      const data = Buffer.alloc(1 + ((i * 7919 + n * 31) % 4000), `${String(i)} ${String(n)};`);
      missing = data.length;
      sent.update(data);
      socket.write(data);
    };
    socket.on('data', (data) => {
      heard.update(data);
      missing -= data.length;
      if (missing > 0) return;
      const isSame = sent.copy().digest('hex') === heard.copy().digest('hex');
      this.#answered(i, isSame ? undefined : 'other bytes than it has sent');
      setTimeout(ask, pauseMs).unref();
    });
    socket.on('error', ({ message }) => this.problems.push(`${String(i)}: ${message}`));
    socket.on('close', () => {
      this.#closed(i);
    });
    ask();
  }

  #webSocket(i: number, url: string, pauseMs: number): void {
    const socket = new WebSocket(url);
    this.#expect(i, () => {
      socket.terminate();
    });
    const ask = (): void => {
      if (!this.#isOver) socket.send(`${String(i)} ${String(this.#answers[i])}`);
    };
    socket.on('open', ask);
    socket.on('message', (data: Buffer) => {
      const said = data.toString();
      const isSame = said === `${String(i)} ${String(this.#answers[i])}`;
      this.#answered(i, isSame ? undefined : `hears ${said}`);
      setTimeout(ask, pauseMs);
    });
    socket.on('error', ({ message }) => this.problems.push(`${String(i)}: ${message}`));
    socket.on('close', () => {
      this.#closed(i);
    });
  }

  #expect(i: number, end: () => void): void {
    this.#answers[i] = 0;
    this.#last[i] = performance.now();
    this.#ends.push(end);
  }

  #answered(i: number, problem: string | undefined): void {
    const now = performance.now();
    this.#longestMs = Math.max(this.#longestMs, now - (this.#last[i] ?? now));
    this.#last[i] = now;
    this.#answers[i] = (this.#answers[i] ?? 0) + 1;
    if (problem !== undefined) this.problems.push(`${String(i)}: ${problem}`);
  }

  #closed(i: number): void {
    if (!this.#isOver) this.problems.push(`${String(i)}: closed behind ${String(this.#answers[i])} answers`);
  }
}

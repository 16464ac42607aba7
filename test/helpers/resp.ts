// A small client of redis: RESP2 over one TCP connection, commands in order, answers in order. It does not reconnect: who
// uses it decides where to go next.
import { connect } from 'node:net';
import type { Socket } from 'node:net';

export type Reply = string | number | null | Error | Reply[];

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

const crlf = Buffer.from('\r\n');

/** One reply from `data` at `at`; undefined while it is not complete. */
function parse(data: Buffer, at: number): { reply: Reply; next: number } | undefined {
  const end = data.indexOf(crlf, at);
  if (end < 0) return undefined;
  const line = data.toString('latin1', at + 1, end);
  const next = end + 2;
  switch (String.fromCharCode(data[at] ?? 0)) {
    case '+':
      return { reply: line, next };
    case '-':
      return { reply: new Error(line), next };
    case ':':
      return { reply: Number(line), next };
    case '$': {
      const length = Number(line);
      if (length < 0) return { reply: null, next };
      if (data.length < next + length + 2) return undefined;
      return { reply: data.toString('latin1', next, next + length), next: next + length + 2 };
    }
    case '*': {
      const replies: Reply[] = [];
      let place = next;
      for (let i = 0; i < Number(line); i++) {
        const one = parse(data, place);
        if (one === undefined) return undefined;
        replies.push(one.reply);
        place = one.next;
      }
      return { reply: replies, next: place };
    }
    default:
      throw new Error(`not RESP: ${data.toString('latin1', at, at + 40)}`);
  }
}

/** Values are latin1 strings: one character, one byte. */
export function encode(args: readonly (string | number)[]): string {
  let text = `*${args.length}\r\n`;
  for (const arg of args) {
    const word = String(arg);
    text += `$${word.length}\r\n${word}\r\n`;
  }
  return text;
}

export class RespClient {
  readonly socket: Socket;
  #data: Buffer = Buffer.alloc(0);
  readonly #waiting: Waiting[] = [];
  #failure: Error | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (piece: Buffer) => {
      this.#take(piece);
    });
    socket.on('error', (error) => {
      this.#fail(error);
    });
    socket.on('close', () => {
      this.#fail(new Error('the connection is closed'));
    });
  }

  static async connect(host: string, port: number, timeoutMs = 1000): Promise<RespClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port });
      const timer = setTimeout(() => socket.destroy(new Error('no connection in time')), timeoutMs);
      socket.once('error', (error) => {
        clearTimeout(timer);
        reject(error);
      });
      socket.once('connect', () => {
        clearTimeout(timer);
        socket.removeAllListeners('error');
        resolve(new RespClient(socket));
      });
    });
  }

  #take(piece: Buffer): void {
    this.#data = this.#data.length === 0 ? piece : Buffer.concat([this.#data, piece]);
    let at = 0;
    for (;;) {
      const one = at < this.#data.length ? parse(this.#data, at) : undefined;
      if (one === undefined) break;
      at = one.next;
      const waiting = this.#waiting.shift();
      if (one.reply instanceof Error) waiting?.reject(one.reply);
      else waiting?.resolve(one.reply);
    }
    this.#data = this.#data.subarray(at);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
    this.socket.destroy();
  }

  async command(...args: (string | number)[]): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#waiting.push({ resolve, reject });
      this.socket.write(encode(args), 'latin1');
    });
  }

  close(): void {
    this.socket.destroy();
  }
}

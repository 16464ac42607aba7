// HTTP clients of servers that move: a load that follows the server from address to address, and wrk as the heavy one.
import { request } from 'node:http';
import { runCommand, sleep } from '../helpers/commands.ts';
import type { Host } from '../helpers/host.ts';

/** One GET on a connection of its own; rejects on any failure. */
export async function get(host: Host, port: number, path = '/', timeoutMs = 2000): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ host: host.ip, port, path, agent: false, timeout: timeoutMs }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => {
        if (response.statusCode === 200) resolve(body);
        else reject(new Error(`${path}: status ${String(response.statusCode)}: ${body}`));
      });
      response.on('error', reject);
    });
    call.on('timeout', () => call.destroy(new Error(`${path}: no answer in ${timeoutMs} ms`)));
    call.on('error', reject);
    call.end();
  });
}

export interface WebStats {
  readonly answers: number;
  readonly retries: number;
  readonly longestGapMs: number;
  /** Bodies that were not what they should be. */
  readonly wrong: readonly string[];
}

/** Asks for one path over and over, at whichever host answers, until stopped. */
export class WebLoad {
  readonly #hosts: readonly Host[];
  readonly #port: number;
  readonly #path: string;
  readonly #isRight: (body: string) => boolean;
  #running = true;
  #answers = 0;
  #retries = 0;
  #gap = 0;
  readonly #wrong: string[] = [];
  readonly #done: Promise<void>;

  constructor(hosts: readonly Host[], port: number, path: string, isRight: (body: string) => boolean) {
    this.#hosts = hosts;
    this.#port = port;
    this.#path = path;
    this.#isRight = isRight;
    this.#done = this.#run();
  }

  async #run(): Promise<void> {
    let place = 0;
    let last = performance.now();
    while (this.#running) {
      const host = this.#hosts[place % this.#hosts.length];
      if (host === undefined) throw new Error('no hosts');
      try {
        const body = await get(host, this.#port, this.#path, 500);
        this.#answers++;
        if (!this.#isRight(body) && this.#wrong.length < 5) this.#wrong.push(body.slice(0, 200));
        this.#gap = Math.max(this.#gap, performance.now() - last);
        last = performance.now();
      } catch {
        this.#retries++;
        place++;
        await sleep(1);
      }
    }
  }

  async stop(): Promise<WebStats> {
    this.#running = false;
    await this.#done;
    return { answers: this.#answers, retries: this.#retries, longestGapMs: this.#gap, wrong: this.#wrong };
  }
}

/** wrk from the client's side; gives back what it printed. It keeps its connections and does not move on. */
export async function wrk(host: Host, port: number, seconds: number): Promise<string> {
  const args = ['-t1', '-c8', `-d${seconds}s`, '--timeout', '1s', `http://${host.ip}:${port}/`];
  return (await runCommand('wrk', args, { timeoutMs: (seconds + 10) * 1000 })).stdout;
}

// redis-server in a host, filled with data that can be checked, and the writer that follows it from host to host.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../helpers/commands.ts';
import type { Host } from '../helpers/host.ts';
import type { Spawned } from '../helpers/namespace-host.ts';
import { RespClient } from '../helpers/resp.ts';
import type { WriterAnswer, WriterOptions, WriterRequest, WriterStats } from './redis-writer.ts';

export const redisPort = 6379;

export async function startRedis(host: Host, options: { args?: readonly string[] } = {}): Promise<Spawned> {
  const dir = mkdtempSync(join(host.scratch, 'redis-'));
  const fixed = [
    '--port',
    String(redisPort),
    '--bind',
    '0.0.0.0',
    '--protected-mode',
    'no',
    '--save',
    '',
    '--dir',
    dir,
  ];
  const spawned = await host.spawn('redis-server', [...fixed, '--appendonly', 'no', ...(options.args ?? [])]);
  await until(
    () => `redis answers; it said: ${spawned.log()}${spawned.errors()}`,
    async () => {
      const client = await RespClient.connect(host.ip, redisPort).catch(() => undefined);
      const pong = await client?.command('PING').catch(() => undefined);
      client?.close();
      return pong === 'PONG';
    },
  );
  return spawned;
}

const pool = Buffer.alloc(1 << 20);
for (let i = 0, x = 12345; i < pool.length; i++) {
  x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff;
  pool[i] = x >> 16;
}
const poolText = pool.toString('latin1');
const chunk = 4096;

/** The value of a preloaded key: bytes that do not repeat within pages and are told apart by their number. */
function preloadValue(n: number): string {
  const start = (n * 7919) % (pool.length - chunk);
  return `${n}:` + poolText.slice(start, start + chunk - 16);
}

/** Fills the server with this many MiB of values and gives back the number of keys. */
export async function preload(host: Host, mib: number): Promise<number> {
  const count = Math.round((mib * 1024 * 1024) / (chunk + 96)); // what redis needs for one
  const client = await RespClient.connect(host.ip, redisPort);
  const batch = 256;
  for (let from = 0; from < count; from += batch) {
    const words: string[] = ['MSET'];
    for (let n = from; n < Math.min(count, from + batch); n++) words.push(`p:${n}`, preloadValue(n));
    await client.command(...words);
  }
  client.close();
  return count;
}

/** Compares each `step`-th preloaded key; gives back what is wrong. */
export async function checkPreload(host: Host, count: number, step = 1): Promise<string[]> {
  const client = await RespClient.connect(host.ip, redisPort, 5000);
  const problems: string[] = [];
  for (let from = 0; from < count; from += 256 * step) {
    const numbers = Array.from({ length: 256 }, (_, i) => from + i * step).filter((n) => n < count);
    const values = await client.command('MGET', ...numbers.map((n) => `p:${n}`));
    for (const [i, n] of numbers.entries()) {
      if (Array.isArray(values) && values[i] === preloadValue(n)) continue;
      if (problems.length < 20) problems.push(`p:${n} is not what was written`);
    }
  }
  client.close();
  return problems;
}

export async function usedMemoryMiB(host: Host): Promise<number> {
  const client = await RespClient.connect(host.ip, redisPort, 5000);
  const info = await client.command('INFO', 'memory');
  client.close();
  return Number(/used_memory:(\d+)/.exec(String(info))?.[1] ?? 0) / 1024 / 1024;
}

/** The writer's process. End it with `stop` and `verify`, or by disposing. */
export class RedisLoad {
  readonly child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.child = child;
  }

  static async start(
    hosts: readonly Pick<Host, 'ip'>[],
    options: Partial<WriterOptions> = {},
  ): Promise<RedisLoad> {
    const path = fileURLToPath(new URL('redis-writer.ts', import.meta.url));
    const child = fork(path, [], {
      execArgv: ['--import', 'tsx'],
      env: cleanEnv(),
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const load = new RedisLoad(child);
    const addresses = hosts.map((host) => ({ host: host.ip, port: redisPort }));
    const fixed = { addresses, connections: 4, valueBytes: 1000, keys: 20_000, pauseMs: 0 };
    await load.#ask({ do: 'start', options: { ...fixed, ...options } });
    return load;
  }

  async #ask(request: WriterRequest): Promise<WriterAnswer> {
    return new Promise((resolve, reject) => {
      const onExit = (): void => {
        reject(new Error('the redis writer ended'));
      };
      this.child.once('exit', onExit);
      this.child.once('message', (answer: WriterAnswer) => {
        this.child.off('exit', onExit);
        resolve(answer);
      });
      this.child.send(request);
    });
  }

  async #askStats(request: 'mark' | 'stats' | 'stop'): Promise<WriterStats> {
    const answer = await this.#ask({ do: request });
    if (!('stats' in answer)) throw new Error('no stats');
    return answer.stats;
  }

  /** Figures so far; the longest gap is counted anew from here on. */
  mark(): Promise<WriterStats> {
    return this.#askStats('mark');
  }

  stats(): Promise<WriterStats> {
    return this.#askStats('stats');
  }

  stop(): Promise<WriterStats> {
    return this.#askStats('stop');
  }

  /** After `stop`: reads every acknowledged write back and names those that are missing. */
  async verify(): Promise<{ problems: string[]; checked: number }> {
    const answer = await this.#ask({ do: 'verify' });
    if (!('problems' in answer)) throw new Error('no verdict');
    return answer;
  }

  [Symbol.dispose](): void {
    this.child.kill('SIGKILL');
  }
}

/** Without what a test runner hands down to its own children. */
function cleanEnv(): NodeJS.ProcessEnv {
  const env = { ...process.env };
  delete env['NODE_OPTIONS'];
  return env;
}

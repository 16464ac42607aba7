// Clients of the redis of bench/postcopy.bench.ts, in processes of their own. Keys are those of test/programs/redis.ts.
//   client.ts write HOST PORT KEYS   one byte into random values, as fast as it goes, until the connection is closed
//   client.ts get FROM TO PORT KEYS  reads a random value each millisecond, whether the one before is there or not, from one host until the
//                                    connection is closed, then from the other; says in JSON what the answers took in the last second
//                                    there, and here in the first second after the first answer
import { setTimeout as sleep } from 'node:timers/promises';
import { RespClient } from '../../test/helpers/resp.ts';
import { quantile } from '../lib/statistics.ts';

/** Commands that are under way at once. */
const pipelined = 200;
const spanMs = 1000;

export interface Latencies {
  readonly answers: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface GetReport {
  readonly before: Latencies;
  readonly after: Latencies;
}

interface Answer {
  readonly asked: number;
  readonly ms: number;
}

const randomKey = (keys: number): string => `p:${Math.floor(Math.random() * keys)}`;

async function write(host: string, port: number, keys: number): Promise<void> {
  const client = await RespClient.connect(host, port);
  const writer = async (): Promise<void> => {
    for (;;) await client.command('SETRANGE', randomKey(keys), 2000, 'x');
  };
  process.stdout.write('writing\n');
  await Promise.allSettled(Array.from({ length: pipelined }, writer));
}

/** Asks each millisecond until the connection is closed, or for so long; then awaits what is under way. */
async function ask(client: RespClient, keys: number, lengthMs: number): Promise<Answer[]> {
  const answers: Answer[] = [];
  const waiting: Promise<void>[] = [];
  const one = async (): Promise<void> => {
    const asked = performance.now();
    const answered = await client.command('GET', randomKey(keys)).catch(() => undefined);
    if (answered !== undefined) answers.push({ asked, ms: performance.now() - asked });
  };
  const began = performance.now();
  let [isOpen, sent] = [true, 0];
  client.socket.once('close', () => (isOpen = false));
  for (let now = began; isOpen && now < began + lengthMs; now = performance.now()) {
    for (; sent < now - began; sent++) waiting.push(one());
    await sleep(1);
  }
  await Promise.all(waiting);
  client.close();
  return answers;
}

function summary(answers: readonly Answer[]): Latencies {
  const times = answers.map(({ ms }) => ms);
  return {
    answers: times.length,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    max: quantile(times, 1),
  };
}

async function get(from: string, to: string, port: number, keys: number): Promise<void> {
  const there = await RespClient.connect(from, port);
  process.stdout.write('asking\n');
  const before = await ask(there, keys, Infinity);
  const left = before.at(-1)?.asked ?? 0;
  let here: RespClient | undefined;
  while (here === undefined) {
    here = await RespClient.connect(to, port, 500).catch(() => undefined);
    if (here === undefined) await sleep(1);
  }
  await here.command('PING'); // it may be there before it runs
  const after = await ask(here, keys, spanMs);
  const last = before.filter(({ asked }) => asked > left - spanMs);
  const report: GetReport = { before: summary(last), after: summary(after) };
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

const [role, first = '', ...rest] = process.argv.slice(2);
if (role === 'write') await write(first, Number(rest[0]), Number(rest[1]));
else await get(first, rest[0] ?? '', Number(rest[1]), Number(rest[2]));

// The client of a redis that moves: a process of its own, so that nothing else in the test delays it. Several connections write
// one value after the other; a write that was not acknowledged is sent again to the next address until it is. So the last
// acknowledged number of each connection says what must be in the database. Forked by RedisLoad, spoken to by messages.
import { RespClient } from '../helpers/resp.ts';

export interface WriterOptions {
  readonly addresses: readonly { host: string; port: number }[];
  readonly connections: number;
  readonly valueBytes: number;
  /** Keys of each connection; they are written in turn. */
  readonly keys: number;
  /** Pause after each acknowledged write; 0 is as fast as it goes. */
  readonly pauseMs: number;
}

export interface WriterStats {
  readonly acknowledged: number;
  readonly reconnects: number;
  /** Longest time between two acknowledgements of any connection since the last mark. */
  readonly longestGapMs: number;
  /** When that gap began, in milliseconds of the epoch. */
  readonly gapAt: number;
  readonly seconds: number;
}

export type WriterRequest =
  { do: 'start'; options: WriterOptions } | { do: 'mark' | 'stats' | 'stop' | 'verify' };
export type WriterAnswer = { stats: WriterStats } | { problems: string[]; checked: number };

let options: WriterOptions;
let running = false;
const last: number[] = []; // the last acknowledged number of each connection
let place = 0; // the address that worked last
let acknowledged = 0;
let reconnects = 0;
let startedAt = 0;
let lastAck = 0;
let gap = { ms: 0, at: 0 };

/** The value that belongs to a number: told apart from every other by its first bytes. */
function valueOf(connection: number, n: number, bytes: number): string {
  const head = `${connection}:${n}:`;
  return (head + head.repeat(Math.ceil(bytes / head.length))).slice(0, bytes);
}
const keyOf = (connection: number, n: number, keys: number): string => `w:${connection}:${n % keys}`;

function acked(): void {
  const now = performance.now();
  const passed = now - lastAck;
  if (passed > gap.ms) gap = { ms: passed, at: Date.now() - passed };
  lastAck = now;
  acknowledged++;
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/** A connection to wherever the server is now. */
async function anyServer(): Promise<RespClient> {
  for (let tries = 0; ; tries++) {
    const address = options.addresses[place % options.addresses.length];
    if (address === undefined) throw new Error('no addresses');
    try {
      return await RespClient.connect(address.host, address.port, 500);
    } catch {
      place++;
      if (tries % options.addresses.length === options.addresses.length - 1) await pause(1);
    }
  }
}

async function write(connection: number): Promise<void> {
  let client: RespClient | undefined;
  let n = 1;
  while (running) {
    try {
      client ??= await anyServer();
      await client.command(
        'SET',
        keyOf(connection, n, options.keys),
        valueOf(connection, n, options.valueBytes),
      );
      last[connection] = n++;
      acked();
      if (options.pauseMs > 0) await pause(options.pauseMs);
    } catch {
      client?.close();
      client = undefined;
      place++;
      reconnects++;
    }
  }
  client?.close();
}

async function verify(): Promise<{ problems: string[]; checked: number }> {
  const problems: string[] = [];
  let checked = 0;
  const client = await anyServer();
  for (let connection = 0; connection < options.connections; connection++) {
    const newest = last[connection] ?? 0;
    const first = Math.max(1, newest - options.keys + 1);
    for (let from = first; from <= newest; from += 500) {
      const numbers = Array.from({ length: Math.min(500, newest - from + 1) }, (_, i) => from + i);
      const values = await client.command('MGET', ...numbers.map((n) => keyOf(connection, n, options.keys)));
      for (const [i, n] of numbers.entries()) {
        const value = Array.isArray(values) ? values[i] : null;
        checked++;
        if (value !== valueOf(connection, n, options.valueBytes) && problems.length < 20) {
          const got = typeof value === 'string' ? value.slice(0, 30) : 'nothing';
          problems.push(`${keyOf(connection, n, options.keys)}: expected write ${n}, got ${got}`);
        }
      }
    }
  }
  client.close();
  return { problems, checked };
}

let writers: Promise<void>[] = [];

async function answer(request: WriterRequest): Promise<WriterAnswer> {
  if (request.do === 'start') {
    options = request.options;
    running = true;
    startedAt = lastAck = performance.now();
    writers = Array.from({ length: options.connections }, (_, connection) => write(connection));
  } else if (request.do === 'stop') {
    running = false;
    await Promise.all(writers);
  } else if (request.do === 'verify') {
    return verify();
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const stats = { acknowledged, reconnects, longestGapMs: gap.ms, gapAt: gap.at, seconds };
  if (request.do === 'mark' || request.do === 'start') gap = { ms: 0, at: 0 };
  return { stats };
}

process.on('message', (request: WriterRequest) => {
  void answer(request).then(
    (said) => process.send?.(said),
    (error: unknown) => {
      process.stderr.write(`redis writer: ${String(error)}\n`);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => {
  process.exit(0); // the test is gone
});

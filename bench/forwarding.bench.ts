// What it costs a connection that the source forwards it (--keep-connections forward), against itself before the move: how long an answer
// takes, and how much goes through. The same client, the same server, one run; the server runs on one host, then on the other.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { sleep, until } from '../test/helpers/commands.ts';
import { makeHosts } from '../test/helpers/hosts.ts';
import { needHosts } from './lib/hosts.ts';
import { reportFlight } from './lib/report.ts';
import { fullOrQuick } from './lib/sizes.ts';

const port = 7400;
const answers = fullOrQuick(2000, 500);
const bulkMs = fullOrQuick(3000, 500);

await needHosts();

/** The first byte of a connection says what it is for: answers, a source of bytes, a sink of them. */
const server = `
import socket, threading
block = bytes(1 << 16)
def answer(c):
    while c.recv(1): c.sendall(b'!')
def source(c): # as much as is asked for
    while n := c.recv(8):
        left = int.from_bytes(n, 'little') << 16
        while left > 0: left -= c.send(block[:left])
def sink(c): # says how much it was, when it was that much
    while n := c.recv(8):
        left = int.from_bytes(n, 'little') << 16
        while left > 0: left -= len(c.recv(min(left, 1 << 18)))
        c.sendall(b'!')
def serve(c):
    with c: kinds[c.recv(1)](c)
kinds = {b'A': answer, b'S': source, b'D': sink}
l = socket.create_server(('', ${String(port)}))
print('ready', flush=True)
while True:
    c = l.accept()[0]; c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=serve, args=(c,), daemon=True).start()
`;

async function read(socket: Socket, bytes: number): Promise<void> {
  for (let left = bytes; left > 0;) {
    const [data] = (await once(socket, 'data')) as [Buffer];
    left -= data.length;
  }
}

/** Milliseconds of each, sorted. */
async function latencies(socket: Socket): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < answers; i++) {
    const began = performance.now();
    socket.write('?');
    await read(socket, 1);
    found.push(performance.now() - began);
  }
  return found.sort((x, y) => x - y);
}

const chunk = 1 << 16;
const order = (chunks: number): Buffer => {
  const words = Buffer.alloc(8);
  words.writeUInt32LE(chunks);
  return words;
};

/** MB/s; `ask` moves so many chunks of 64 KiB. */
async function speed(ask: (chunks: number) => Promise<void>): Promise<number> {
  await ask(16);
  let chunks = 0;
  const began = performance.now();
  while (performance.now() - began < bulkMs) {
    await ask(64);
    chunks += 64;
  }
  return (chunks * chunk) / 1e3 / (performance.now() - began);
}

interface Figures {
  readonly p50: number;
  readonly p99: number;
  readonly from: number;
  readonly to: number;
}

async function measure(answer: Socket, source: Socket, sink: Socket): Promise<Figures> {
  const found = await latencies(answer);
  const from = await speed(async (chunks) => {
    source.write(order(chunks));
    await read(source, chunks * chunk);
  });
  const to = await speed(async (chunks) => {
    sink.write(Buffer.concat([order(chunks), Buffer.alloc(chunks * chunk)]));
    await read(sink, 1);
  });
  const at = (share: number): number => found[Math.floor(found.length * share)] ?? NaN;
  return { p50: at(0.5), p99: at(0.99), from, to };
}

await using hosts = await makeHosts();
const { a, b } = hosts;
await b.receive();
const path = join(a.scratch, 'server.py');
writeFileSync(path, server);
const tree = await a.spawn('python3', [path], { name: 'server' });
await until('the server is ready', () => tree.log().includes('ready'));
const open = (kind: string): Socket => {
  const socket = connect({ host: a.ip, port, noDelay: true });
  socket.on('error', (error) => {
    throw error;
  });
  socket.write(kind);
  return socket;
};
const sockets = [open('A'), open('S'), open('D')] as const;
await sleep(200);
const direct = await measure(...sockets);
const { code, report } = await a.migrate(tree.pid, b, { args: ['--keep-connections', 'forward'] });
if (code !== 0 || report === undefined) throw new Error(`the flight ended with ${String(code)}`);
reportFlight('a server that is forwarded', report);
await sleep(1000);
const forwarded = await measure(...sockets);
const row = (name: string, unit: string, of: (figures: Figures) => number): void => {
  const [before, after] = [of(direct), of(forwarded)];
  console.log(
    `${name.padEnd(24)} direct ${before.toFixed(3)} ${unit}, forwarded ${after.toFixed(3)} ${unit}: ratio ${(after / before).toFixed(2)}`,
  );
};
console.log(`downtime ${String(report['downtime'])} ms`);
row('answer, p50', 'ms', ({ p50 }) => p50);
row('answer, p99', 'ms', ({ p99 }) => p99);
row('from the tree', 'MB/s', ({ from }) => from);
row('to the tree', 'MB/s', ({ to }) => to);
for (const socket of sockets) socket.destroy();
await until(
  'nothing is forwarded',
  async () => (await a.godwit(['status'])).stdout.startsWith('Nothing'),
  20_000,
);

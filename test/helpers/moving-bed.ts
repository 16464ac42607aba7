// A server whose addresses move along with it (--move-ip), and clients that check every byte and never connect again.
import { spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand, until } from './commands.ts';
import type { Host } from './host.ts';
import type { Hosts } from './hosts.ts';
import type { Spawned } from './namespace-host.ts';

/** The first byte of a connection says what it is for. SIGUSR1: what waited goes on. */
export const server = `
import signal, socket, threading
go = threading.Event(); signal.signal(signal.SIGUSR1, lambda *_: go.set())
def echo(c):
    while d := c.recv(65536): c.sendall(d)
    print('a stream has ended', flush=True)
def shut(c): # says its last word first
    c.sendall(b'bye'); c.shutdown(socket.SHUT_WR)
    n = 0
    while d := c.recv(65536): n += len(d)
    print('shut heard', n, flush=True)
def closing(c): # hears the last word first
    while c.recv(65536): pass
    print('closing', flush=True)
    go.wait(); c.sendall(b'late')
def unread(c):
    c.sendall(b'k'); go.wait(); d = c.recv(100000, socket.MSG_WAITALL)
    c.sendall(b'right' if d == bytes(i % 251 for i in range(100000)) else b'wrong')
def urgent(c): # what waits has an urgent byte in it
    c.sendall(b'k'); go.wait()
    d = (c.recv(64), c.recv(1, socket.MSG_OOB), c.recv(64))
    c.sendall(b'right' if d == (b'before', b'!', b'behind') else repr(d).encode())
def brief(c): # says its only word, and is gone
    c.sendall(b'bye')
def flood(c): # more than finds room anywhere
    c.sendall(bytes(i % 251 for i in range(251 * 40000)))
kinds = {b'E': echo, b'S': shut, b'C': closing, b'U': unread, b'F': flood, b'B': brief, b'O': urgent}
def serve(c):
    try: kinds[c.recv(1)](c)
    except OSError as e: print('error', e, flush=True)
    c.close()
l = socket.create_server(('::', 7001), family=socket.AF_INET6, dualstack_ipv6=True)
print('ready', flush=True)
def accept():
    while True: threading.Thread(target=serve, args=(l.accept()[0],), daemon=True).start()
threading.Thread(target=accept, daemon=True).start()
while True: signal.pause()
`;

export const pattern = (length: number, from = 0): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, i) => (from + i) % 251));

/** A connection of the test's own; `problem` is what went wrong with it. */
export class Client {
  /** That have ended; for messages. */
  static flights = 0;
  readonly socket: Socket;
  problem = '';
  got = 0;
  ended = false;
  #isLeaving = false;
  last = performance.now();
  worstMs = 0;
  #sent = 0;

  constructor(host: string, kind: string) {
    this.socket = connect({ host, port: 7001, noDelay: true, allowHalfOpen: true });
    this.socket.write(kind);
    this.socket.on('error', ({ message }) => {
      this.problem ||= `${host} ${kind}: ${message} behind ${this.got} bytes, ${String(Client.flights)} flights`;
    });
    this.socket.on('end', () => (this.ended = true));
    this.socket.on('data', (data: Buffer) => {
      const now = performance.now();
      this.worstMs = Math.max(this.worstMs, now - this.last);
      this.last = now;
      if (kind === 'E' || kind === 'F') {
        if (!data.equals(pattern(data.length, this.got))) this.problem ||= `wrong bytes behind ${this.got}`;
      }
      this.got += data.length;
      if (kind === 'E' && this.got === this.#sent && !this.#isLeaving) this.ask();
    });
  }

  /** Its last word. */
  finish(): void {
    this.#isLeaving = true;
    this.socket.end();
  }

  ask(): void {
    const length = 1 + (this.#sent % 3000);
    this.socket.write(pattern(length, this.#sent));
    this.#sent += length;
  }
}

/** Says its piece with an urgent byte in it, which node cannot; `said`: what it is answered. */
export class UrgentClient implements Disposable {
  said = '';
  readonly #child;

  constructor(host: string) {
    const script = [
      'import socket,sys,time',
      `c = socket.create_connection(('${host}', 7001)); c.sendall(b'O'); c.recv(1)`,
      "c.sendall(b'before'); c.send(b'!', socket.MSG_OOB); time.sleep(0.1); c.sendall(b'behind')",
      "print('said', flush=True); print(c.recv(64).decode(), flush=True)",
    ].join('\n');
    this.#child = spawn('python3', ['-c', script], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream.on('data', (data: Buffer) => (this.said += data.toString()));
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}

export interface Bed {
  readonly a: Host;
  readonly b: Host;
  readonly tree: Spawned;
  /** Addresses of the tree, that come along. */
  readonly addresses: readonly string[];
  readonly args: readonly string[];
}

export async function makeBed(hosts: Hosts): Promise<Bed> {
  const { a, b } = hosts;
  const addresses = [a.ip.replace(/\.\d+$/, '.100')];
  await a.run('ip', ['addr', 'add', `${addresses[0] ?? ''}/24`, 'dev', 'eth0']);
  // Other tests, whose client shares this network namespace, have other hosts of this kind.
  const network = `fd7e:${[hosts.id.slice(0, 4), hosts.id.slice(4)].map((hex) => parseInt(hex, 16).toString(16)).join(':')}:`;
  const add = (host: string, device: string): string[] => [
    '-6',
    'addr',
    'add',
    `${network}:${host}/64`,
    'dev',
    device,
    'nodad',
  ];
  const own = await runCommand('ip', add('fe', hosts.uplink));
  if (own.code === 0) {
    addresses.push(`${network}:64`);
    for (const host of ['64', '1']) await a.run('ip', add(host, 'eth0'));
    await b.run('ip', add('2', 'eth0'));
  }
  await Promise.all([a.receive(), b.receive()]);
  const path = join(a.scratch, 'server.py');
  writeFileSync(path, server);
  const tree = await a.spawn('python3', [path], { name: 'server' });
  await until('the server is ready', () => tree.log().includes('ready'));
  return { a, b, tree, addresses, args: addresses.flatMap((address) => ['--move-ip', address]) };
}

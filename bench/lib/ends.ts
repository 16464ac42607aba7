// What the ends of page connections have in common that benches start as processes of their own: the receiver says its port, and each says at
// its end the seconds and the CPU-seconds that it took.
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { alignedBuffer } from '../../src/kernel/aligned-memory.ts';
import { sealInto } from '../../src/kernel/seal-into.ts';
import { native } from '../../src/native.ts';
import { connectPages } from '../../src/transport/connect.ts';
import { exporterBytes, PageKeys, sealHeader } from '../../src/transport/page-keys.ts';
import type { PageReceiver } from '../../src/transport/page-receiver.ts';
import type { PageSender } from '../../src/transport/page-sender.ts';
import type { PageSenderOptions } from '../../src/transport/page-sender-options.ts';
import { acceptWebSocket } from '../../src/transport/websocket.ts';
import type { UpgradeRequest } from '../../src/transport/websocket.ts';

/** Both ends are started so: pages are sealed as after a key. Here everybody knows the secret. */
const isSealed = process.env['GODWIT_BENCH_SEALED'] === '1';
const keys = new PageKeys(Buffer.alloc(exporterBytes));
const session = { kind: 'session', pin: Buffer.alloc(0), secret: Buffer.alloc(0) } as const;

export const checksum = (payload: Uint8Array): bigint => native.xxh3(payload);

/** Ends this end, and with it the bench: what is thrown where a native thread calls is only printed. */
export function fail(error: Error): never {
  console.error(error);
  process.exit(1);
}

/** From now on; what it gives back prints the line, and more words. */
export function stopwatch(): (more?: string) => void {
  const began = performance.now();
  const before = process.cpuUsage();
  return (more = '') => {
    const { user, system } = process.cpuUsage(before);
    process.stdout.write(`${(performance.now() - began) / 1000} ${(user + system) / 1e6} ${more}\n`);
  };
}

export function openSender(port: number, options: Partial<PageSenderOptions> = {}): Promise<PageSender> {
  const endpoint = { host: '127.0.0.1', address: '127.0.0.1', port };
  return connectPages(endpoint, 'bench', {
    passage: isSealed ? { session, pages: keys } : undefined,
    sealInto,
    checksum,
    allocate: alignedBuffer,
    ...options,
  });
}

/** Says the port, and takes one connection. */
export function listenFor(receiver: PageReceiver, onAttached: () => void = () => undefined): void {
  const server = createServer();
  server.on('upgrade', (message: IncomingMessage, socket, head) => {
    if (!(socket instanceof Socket)) return;
    server.close();
    const header = message.headers[sealHeader];
    const seal = typeof header === 'string' ? keys.accept(header) : undefined;
    void acceptWebSocket('pages', message as unknown as UpgradeRequest, socket, head, (ws) => {
      receiver.attach(ws, socket, seal);
      onAttached();
    });
  });
  server.listen(0, '127.0.0.1', () => {
    process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
  });
}

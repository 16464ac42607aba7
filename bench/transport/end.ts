// One end of the ws side of bench/transport.bench.ts, in a process of its own, with the interface of copy.c:
//   end.ts receive PID ADDRESS MIB | end.ts send PORT PID ADDRESS MIB
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expander } from '../../src/kernel/page-codec.ts';
import { native } from '../../src/native.ts';
import { connectPages } from '../../src/transport/connect.ts';
import { maxPagePayload } from '../../src/transport/limits.ts';
import { PageReceiver } from '../../src/transport/page-receiver.ts';
import { acceptWebSocket } from '../../src/transport/websocket.ts';
import type { UpgradeRequest } from '../../src/transport/websocket.ts';

const checksum = (payload: Uint8Array): bigint => native.xxh3(payload);
const numbers = process.argv.slice(3).map(Number);

/** What starting node and compiling cost is not of interest. */
function stopwatch(): () => void {
  const began = performance.now();
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    process.stdout.write(`${(performance.now() - began) / 1000} ${(user + system) / 1e6}\n`);
  };
}

async function send(port: number, pid: number, address: number, mib: number): Promise<void> {
  const endpoint = { host: '127.0.0.1', address: '127.0.0.1', port };
  const sender = await connectPages(endpoint, 'bench', { checksum });
  const report = stopwatch();
  for (let at = address; at < address + mib * 2 ** 20; at += maxPagePayload) {
    const block = await sender.acquire();
    const runs = Float64Array.of(at, maxPagePayload);
    if (native.readMemory(pid, runs, 1, block.payload) !== maxPagePayload) throw new Error('read');
    sender.send(block, { round: 0, space: 1, kind: 'space', runs, runCount: 1 });
  }
  await sender.flush();
  report();
  await sender.close();
}

function receive(pid: number, address: number, mib: number): void {
  let report = (): void => undefined;
  let left = mib * 2 ** 20;
  const runs = new Float64Array(2);
  const receiver = new PageReceiver({
    checksum,
    expand: expander(maxPagePayload),
    patch: () => undefined,
    onProblem: (error) => {
      throw error;
    },
    handler: (frame) => {
      // The two processes have their memory at addresses of their own.
      runs[0] = address + mib * 2 ** 20 - left;
      runs[1] = frame.payload.length;
      if (native.writeMemory(pid, runs, 1, frame.payload) !== frame.payload.length) throw new Error('write');
      left -= frame.payload.length;
      if (left === 0) report();
    },
  });
  const server = createServer();
  server.on('upgrade', (message: IncomingMessage, socket, head) => {
    if (!(socket instanceof Socket)) return;
    server.close();
    void acceptWebSocket('pages', message as unknown as UpgradeRequest, socket, head, (ws) => {
      receiver.attach(ws, socket);
      report = stopwatch();
    });
  });
  server.listen(0, '127.0.0.1', () => {
    process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
  });
}

const [a = 0, b = 0, c = 0, d = 0] = numbers;
if (process.argv[2] === 'send') await send(a, b, c, d);
else receive(a, b, c);

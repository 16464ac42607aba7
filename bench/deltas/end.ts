// One end of the measurement of deltas: `receive MIB`, or `send PORT MIB CACHE RATE WORDS`: memory that is sent once, and again and again with WORDS
// of 8 bytes changed in each page. Each end prints seconds and CPU-seconds of all but the first time; the source bytes sent too.
import { randomFillSync } from 'node:crypto';
import { closeSync, openSync, unlinkSync } from 'node:fs';
import { alignedBuffer } from '../../src/kernel/aligned-memory.ts';
import { PageFlow } from '../../src/source/page-flow/page-flow.ts';
import { pageContents } from '../../src/target/pages/page-contents.ts';
import { PageWriter } from '../../src/target/pages/page-writer.ts';
import { maxPagePayload } from '../../src/transport/limits.ts';
import { PageReceiver } from '../../src/transport/page-receiver.ts';
import { pageSize } from '../../src/units.ts';
import { fail, listenFor, openSender, stopwatch } from '../lib/ends.ts';

const rounds = 8;

async function send(port: number, mib: number, cache: number, rate: number, words: number): Promise<void> {
  const from = alignedBuffer(mib << 20);
  randomFillSync(from);
  const flow = new PageFlow({
    compress: 'none',
    bytesPerSecond: rate === 0 ? undefined : rate,
    deltaCacheBytes: cache,
  });
  const sender = await openSender(port, flow.options);
  let report = stopwatch();
  let sent = 0;
  for (let round = 0; round <= rounds; round++) {
    if (round === 1) {
      await sender.flush();
      sent = sender.bytesSent;
      report = stopwatch();
    }
    for (let at = 0; at < from.length; at += maxPagePayload) {
      const block = await sender.acquire();
      block.payload.set(from.subarray(at, at + maxPagePayload));
      sender.send(block, {
        ...{ round, space: 1, kind: 'object', runCount: 1 },
        runs: Float64Array.of(at, maxPagePayload),
      });
    }
    // What a program does between two rounds; it is the same work with and without deltas.
    for (let at = 0; at < from.length; at += pageSize)
      for (let word = 0; word < words; word++)
        from.writeDoubleLE(
          at + word + round / 100,
          at + 8 * ((Math.floor((word * 512) / words) + round) % 512),
        );
  }
  await sender.flush();
  report(String(sender.bytesSent - sent));
  await sender.close();
}

function receive(mib: number): void {
  const path = `/dev/shm/godwit-bench-${process.pid}`;
  const fd = openSync(path, 'w+');
  unlinkSync(path);
  const writer = new PageWriter({ fd: () => fd, memory: () => undefined });
  let report = stopwatch();
  let left = (rounds + 1) * (mib << 20);
  const receiver = new PageReceiver({
    ...pageContents(writer),
    onProblem: fail,
    handler: (frame) => {
      writer.write(frame);
      left -= frame.payload.length;
      if (left === rounds * (mib << 20)) report = stopwatch();
      if (left > 0) return;
      report();
      closeSync(fd);
    },
  });
  listenFor(receiver);
}

const [role, ...numbers] = process.argv.slice(2);
const [a = 0, b = 0, cache = 0, rate = 0, words = 0] = numbers.map(Number);
if (role === 'send') await send(a, b, cache, rate, words);
else receive(a);

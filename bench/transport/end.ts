// One end of the ws side of bench/transport.bench.ts, in a process of its own, with the interface of copy.c:
//   end.ts receive PID ADDRESS MIB | end.ts send PORT PID ADDRESS MIB
import { takeOver } from '../../src/kernel/message-reader.ts';
import { expander } from '../../src/kernel/page-codec.ts';
import { native } from '../../src/native.ts';
import { maxPagePayload } from '../../src/transport/limits.ts';
import { PageReceiver } from '../../src/transport/page-receiver.ts';
import { checksum, fail, listenFor, openSender, stopwatch } from '../lib/ends.ts';

const numbers = process.argv.slice(3).map(Number);

/** MiB that are moved beforehand: what starting Node and compiling cost is not of interest, it is the same for any amount. */
const warmUp = Math.min(256, numbers.at(-1) ?? 0);

async function send(port: number, pid: number, address: number, mib: number): Promise<void> {
  const sender = await openSender(port);
  const move = async (length: number): Promise<void> => {
    for (let at = address; at < address + length * 2 ** 20; at += maxPagePayload) {
      const block = await sender.acquire();
      const runs = Float64Array.of(at, maxPagePayload);
      if (native.readMemory(pid, runs, 1, block.payload) !== maxPagePayload) throw new Error('read');
      sender.send(block, { round: 0, space: 1, kind: 'space', runs, runCount: 1 });
    }
    await sender.flush();
  };
  await move(warmUp);
  const report = stopwatch();
  await move(mib);
  report();
  await sender.close();
}

function receive(pid: number, address: number, mib: number): void {
  let report = (): void => undefined;
  let done = -warmUp * 2 ** 20;
  const runs = new Float64Array(2);
  const receiver = new PageReceiver({
    checksum,
    expand: expander(maxPagePayload),
    patch: () => undefined,
    takeOver: process.env['GODWIT_BENCH_WS'] === '1' ? undefined : takeOver,
    onProblem: fail,
    handler: (frame) => {
      // The two processes have their memory at addresses of their own.
      runs[0] = address + Math.max(done, -done - maxPagePayload);
      runs[1] = frame.payload.length;
      if (native.writeMemory(pid, runs, 1, frame.payload) !== frame.payload.length) throw new Error('write');
      done += frame.payload.length;
      if (done === 0) report = stopwatch();
      if (done === mib * 2 ** 20) report();
    },
  });
  listenFor(receiver);
}

const [a = 0, b = 0, c = 0, d = 0] = numbers;
if (process.argv[2] === 'send') await send(a, b, c, d);
else receive(a, b, c);

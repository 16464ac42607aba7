// One end of bench/compress.bench.ts, in a process of its own:
//   end.ts receive MIB | end.ts send PORT MIB KIND CODEC BYTES-A-SECOND (0: no limit)
// The receiver says its port. Each says at its end: seconds, CPU-seconds; the sender also bytes on the wire and what was chosen.
import { alignedBuffer } from '../../src/kernel/aligned-memory.ts';
import { PageFlow, type CompressChoice } from '../../src/source/page-flow/page-flow.ts';
import { pageContents } from '../../src/target/pages/page-contents.ts';
import { maxPagePayload } from '../../src/transport/limits.ts';
import { PageReceiver } from '../../src/transport/page-receiver.ts';
import { fail, listenFor, openSender, stopwatch } from '../lib/ends.ts';
import { pagesOf, type Kind } from './pages.ts';

/** So much memory is sent again and again. */
const distinct = 64 << 20;

async function send(
  port: number,
  mib: number,
  kind: Kind,
  choice: CompressChoice,
  rate: number,
): Promise<void> {
  const from = alignedBuffer(Math.min(distinct, mib << 20));
  from.set(pagesOf(kind, from.length));
  const flow = new PageFlow({
    compress: choice,
    bytesPerSecond: rate === 0 ? undefined : rate,
    deltaCacheBytes: 0,
  });
  const sender = await openSender(port, flow.options);
  const report = stopwatch();
  for (let sent = 0; sent < mib << 20; sent += maxPagePayload) {
    const block = await sender.acquire();
    const at = sent % from.length;
    block.payload.set(from.subarray(at, at + maxPagePayload));
    sender.send(block, {
      ...{ round: 0, space: 1, kind: 'space', runCount: 1 },
      runs: Float64Array.of(sent, maxPagePayload),
    });
  }
  await sender.flush();
  const { codec, reason } = flow.report(sender);
  report(`${sender.bytesSent} ${codec}: ${reason}`);
  await sender.close();
}

/** Nothing is sent twice. */
function noBases(): never {
  throw new Error('deltas came');
}

function receive(mib: number): void {
  let report = (): void => undefined;
  let left = mib << 20;
  const into = alignedBuffer(Math.min(distinct, left));
  const receiver = new PageReceiver({
    ...pageContents({ bases: noBases }),
    onProblem: fail,
    handler: ({ payload, runs }) => {
      into.set(payload, (runs[0] ?? 0) % into.length);
      left -= payload.length;
      if (left === 0) report();
    },
  });
  listenFor(receiver, () => (report = stopwatch()));
}

const [role, a = '', b = '', kind = '', codec = '', rate = ''] = process.argv.slice(2);
if (role === 'send') await send(Number(a), Number(b), kind as Kind, codec as CompressChoice, Number(rate));
else receive(Number(a));

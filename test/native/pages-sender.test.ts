// Reading pages into a sink, from this very process.
import t from 'tap';
import { runLocal } from '../../src/kernel/local-program.ts';
import { Program } from '../../src/kernel/program.ts';
import type { PageRuns } from '../../src/kernel/page-runs.ts';
import { native } from '../../src/native.ts';
import type { PageFrameInfo, PageSink, PageSinkBlock } from '../../src/source/pages/page-sink.ts';
import { sendRuns } from '../../src/source/pages/page-sender.ts';
import { pageSize } from '../../src/units.ts';

interface Sent {
  readonly zero: boolean;
  readonly runs: number[];
  readonly bytes: number[];
}

class Collector implements PageSink {
  readonly frames: Sent[] = [];
  /** Blocks that were taken and not given back. */
  out = 0;

  acquire(): Promise<PageSinkBlock> {
    this.out++;
    return Promise.resolve({ payload: new Uint8Array(16 * pageSize) });
  }
  release(): void {
    this.out--;
  }
  send(block: PageSinkBlock, { runs, runCount }: PageFrameInfo): number {
    this.out--;
    const pairs = [...runs.subarray(0, 2 * runCount)];
    const length = pairs.reduce((sum, value, i) => (i % 2 === 1 ? sum + value : sum), 0);
    this.frames.push({
      zero: false,
      runs: pairs,
      bytes: [...block.payload.subarray(0, length)].filter((_, i) => i % pageSize === 0),
    });
    return this.frames.length;
  }
  sendZero({ runs, runCount }: PageFrameInfo): number {
    this.frames.push({ zero: true, runs: [...runs.subarray(0, 2 * runCount)], bytes: [] });
    return this.frames.length;
  }
}

function map(pages: number): number {
  const program = new Program();
  const at = program.call('mmap', 0, pages * pageSize, 3, 0x22, -1, 0);
  return runLocal(program).number(at);
}

await t.test('every page is sent once, zeros without content, and told as sent', async (t) => {
  const at = map(40);
  for (let i = 0; i < 40; i++)
    if (i % 4 !== 3)
      native.writeMemory(process.pid, Float64Array.of(at + i * pageSize, 1), 1, Uint8Array.of(i + 1));
  const sink = new Collector();
  const told: PageRuns[] = [];
  const pages = { runs: Float64Array.of(at, 40 * pageSize), count: 1 };
  const onSent = (sent: PageRuns): void => {
    told.push({ runs: sent.runs.slice(0, 2 * sent.count), count: sent.count });
  };
  const counters = await sendRuns({ pid: process.pid, space: 1, round: 0, pages, onSent }, sink);
  t.same(counters, { pages: 40, bytes: 30 * pageSize, zeroPages: 10, gonePages: 0 });
  t.same(
    sink.frames.flatMap(({ bytes }) => bytes),
    Array.from({ length: 40 }, (_, i) => i + 1).filter((i) => i % 4 !== 0),
  );
  t.equal(sink.frames.filter(({ zero }) => zero).length, 1, 'zeros of all blocks share a frame');
  const sum = told
    .flatMap(({ runs }) => [...runs])
    .reduce((total, value, i) => (i % 2 === 1 ? total + value : total), 0);
  t.equal(sum, 40 * pageSize);
  t.equal(sink.out, 0, 'no block is kept');
});

await t.test('pages that are gone are left out', async (t) => {
  const sink = new Collector();
  const pages = { runs: Float64Array.of(pageSize, 20 * pageSize), count: 1 };
  const counters = await sendRuns({ pid: process.pid, space: 1, round: 0, pages }, sink);
  t.same(counters, { pages: 0, bytes: 0, zeroPages: 0, gonePages: 20 });
  t.same([sink.frames, sink.out], [[], 0]);
});

await t.test('a process that is not there is said to be gone', async (t) => {
  const pages = { runs: Float64Array.of(pageSize, pageSize), count: 1 };
  await t.rejects(sendRuns({ pid: 4_194_303, space: 1, round: 0, pages }, new Collector()), {
    code: 'NO_PROCESS',
  });
});

// Runs in a machine whose kernel has both trackers of writes: both look at one process, and must name the same pages.
import { rmSync } from 'node:fs';
import { compile } from '../../bench/lib/compile.ts';
import { PageWriterProcess } from '../../bench/pages/page-writer.ts';
import { runsOfSet, setOf } from '../../src/kernel/page-runs.ts';
import type { PageRuns } from '../../src/kernel/page-runs.ts';
import { readMaps } from '../../src/kernel/proc/maps.ts';
import { makeTracker, workingTrackers } from '../../src/source/trackers/choose.ts';

const mib = 16;
const { binary, folder } = compile('page-writer');
const writer = await PageWriterProcess.start(binary, mib);
const uffd = await writer.userfaultfd();
const whileStopped = (look: () => void): void => {
  look(); // it waits for its next command: it stands still
};
const trackers = workingTrackers()
  .filter(({ kind }) => kind !== 'compare')
  .map((chosen) => makeTracker(chosen, writer.pid, { obtainUserfaultfd: () => uffd, whileStopped }));
try {
  if (trackers.length !== 2)
    throw new Error(`this kernel has only ${trackers.map(({ kind }) => kind).join()}`);
  for (const tracker of trackers) tracker.arm(readMaps(writer.pid) ?? []);
  for (const permille of [1000, 0, 1, 10, 100, 500]) {
    const written = await writer.tell(`touch ${permille}`);
    const vmas = readMaps(writer.pid) ?? [];
    const reports = trackers.map((tracker) => tracker.collect(vmas, { frozen: false }));
    const [one, other] = reports;
    if (one === undefined || other === undefined) throw new Error('nothing was collected');
    const inMemory = pagesWithin(one, writer.address, writer.length);
    const differing = pagesOf(without(one, other)) + pagesOf(without(other, one));
    console.log(
      `${permille} permille: ${written} pages written, ${inMemory} reported there, ${one.pages} in all, ${differing} by one tracker only`,
    );
    if (differing !== 0 || inMemory < written) process.exitCode = 1;
  }
} finally {
  for (const tracker of trackers) tracker.disarm();
  writer.end();
  rmSync(folder, { recursive: true });
}

function without(pages: PageRuns, others: PageRuns): PageRuns {
  const set = setOf(pages);
  set.remove(others.runs, others.count);
  return runsOfSet(set);
}

function pagesOf(pages: PageRuns): number {
  return setOf(pages).pages();
}

function pagesWithin(pages: PageRuns, start: number, length: number): number {
  const outside = setOf(pages);
  outside.remove(Float64Array.of(start, length), 1);
  return pagesOf(pages) - outside.pages();
}

// What tracking costs us: a look at memory by how much of it was written, for each tracker that this kernel has, and the search for
// stale pages. Medians of CPU time, for each GiB of 4 KiB pages. What it costs who is tracked: slowdown.bench.ts.
// Options: --mib N (1024), --runs N (5).
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readMaps } from '../src/kernel/proc/maps.ts';
import { TargetPages } from '../src/source/pages/target-pages.ts';
import { workingTrackers, type ChosenTracker } from '../src/source/trackers/choose.ts';
import { compile } from './lib/compile.ts';
import { fullOrQuick } from './lib/sizes.ts';
import { median } from './lib/statistics.ts';
import { cpuMsOf, PageWriterProcess, track } from './pages/page-writer.ts';

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: String(fullOrQuick(1024, 64)) },
    runs: { type: 'string', default: String(fullOrQuick(5, 2)) },
  },
});
const mib = Number(values.mib);
const runs = Number(values.runs);
const perGib = 1024 / mib;
const { binary, folder } = compile('page-writer');

async function costs(chosen: ChosenTracker): Promise<void> {
  const writer = await PageWriterProcess.start(binary, mib);
  const vmas = readMaps(writer.pid) ?? [];
  const tracker = await track(writer, chosen);
  const onTarget = new TargetPages();
  const collect = (frozen = false): number =>
    cpuMsOf(() => {
      const dirty = tracker.collect(vmas, { frozen });
      onTarget.collected(dirty);
      onTarget.sent(dirty);
    });
  const lines: [string, number[]][] = [['first, everything', [collect()]]];
  for (const permille of [0, 10, 70, 500]) {
    const times: number[] = [];
    const frozen: number[] = [];
    for (let i = 0; i < runs; i++) {
      await writer.tell(`touch ${permille}`);
      frozen.push(collect(true));
      times.push(collect());
    }
    lines.push([`${permille / 10} % written`, times], [`${permille / 10} % written, in the freeze`, frozen]);
  }
  for (const everywhere of [false, true]) {
    const stale = (): number =>
      cpuMsOf(() => {
        onTarget.stale(tracker.pagemapFd, vmas, { everywhere, scans: chosen.scans });
      });
    lines.push([everywhere ? 'stale pages, everywhere' : 'stale pages', Array.from({ length: runs }, stale)]);
  }
  process.stdout.write(`${chosen.kind}, CPU-ms for each GiB, medians of ${runs}\n`);
  for (const [name, times] of lines) {
    process.stdout.write(`  ${name.padEnd(32)} ${(median(times) * perGib).toFixed(2).padStart(9)}\n`);
  }
  tracker.disarm();
  writer.end();
}

try {
  for (const chosen of workingTrackers()) await costs(chosen);
} finally {
  rmSync(folder, { recursive: true });
}

// What tracking costs: a look at memory by how much of it was written, for each tracker that this kernel has, the search for
// stale pages, and the slow-down of a process that writes while it is tracked. Medians of CPU time, for each GiB of 4 KiB pages.
// The goal: at most 5 % slower at a round a second. Options: --mib N (1024), --runs N (5), --seconds N (4, of each loop).
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readMaps } from '../src/kernel/proc/maps.ts';
import { makeTracker, workingTrackers } from '../src/source/trackers/choose.ts';
import type { ChosenTracker } from '../src/source/trackers/choose.ts';
import { TargetPages } from '../src/source/pages/target-pages.ts';
import type { Tracker } from '../src/source/trackers/tracker.ts';
import { compile, median, cpuMsOf, PageWriterProcess } from './pages/page-writer.ts';

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '1024' },
    runs: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
  },
});
const mib = Number(values.mib);
const runs = Number(values.runs);
const seconds = Number(values.seconds);
const perGib = 1024 / mib;
const { binary, folder } = compile('page-writer');

async function attach(writer: PageWriterProcess, chosen: ChosenTracker): Promise<Tracker> {
  const uffd = chosen.kind === 'pagemap-scan' ? await writer.userfaultfd() : -1;
  const tracker = makeTracker(chosen, writer.pid, {
    obtainUserfaultfd: () => uffd,
    whileStopped: (look) => {
      look(); // the writer waits for its next command: it stands still
    },
  });
  tracker.arm(readMaps(writer.pid) ?? []);
  return tracker;
}

async function costs(chosen: ChosenTracker): Promise<void> {
  const writer = await PageWriterProcess.start(binary, mib);
  const vmas = readMaps(writer.pid) ?? [];
  const tracker = await attach(writer, chosen);
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

/**
 * Steps for each CPU-second of the writing loop, tracked by a collection each second, against alone; interleaved. A step writes
 * one page and works for so many rounds besides.
 */
async function slowDown(chosen: ChosenTracker, name: string, work: number): Promise<void> {
  const ratios: number[] = [];
  let rate = 0;
  for (let i = 0; i < runs; i++) {
    const writer = await PageWriterProcess.start(binary, mib);
    await writer.tell(`work ${work}`);
    const alone = await writer.tell(`loop ${seconds * 1000}`);
    const tracker = await attach(writer, chosen);
    const look = (): void => {
      tracker.collect(readMaps(writer.pid) ?? [], { frozen: false });
    };
    look();
    const timer = setInterval(look, 1000);
    const tracked = await writer.tell(`loop ${seconds * 1000}`);
    clearInterval(timer);
    tracker.disarm();
    writer.end();
    ratios.push(tracked / alone);
    rate = alone / seconds;
  }
  const percent = ((1 - median(ratios)) * 100).toFixed(1);
  process.stdout.write(
    `  ${name}: ${Math.round(rate / 1000)}k page writes a second, slowed down by ${percent} %\n`,
  );
}

try {
  for (const chosen of workingTrackers()) {
    await costs(chosen);
    // redis under 40,000 SETs a second writes as many pages; the other does nothing but write.
    await slowDown(chosen, 'a busy store (goal 5 %)', 18000);
    await slowDown(chosen, 'the worst there is', 60);
  }
} finally {
  rmSync(folder, { recursive: true });
}

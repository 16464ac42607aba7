// How long a round looks for dirty pages in a large memory of small pages of which few are dirty: while the program runs, and in the freeze.
// In the freeze it is the clock that counts, for several threads look; while the program runs it is CPU time. Each has the other beside it.
// Options: --mib N (8192), --dirty N (1000), --runs N (15).
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readMaps } from '../src/kernel/proc/maps.ts';
import { TargetPages } from '../src/source/pages/target-pages.ts';
import { workingTrackers } from '../src/source/trackers/choose.ts';
import { compile } from './lib/compile.ts';
import { reportGoal } from './lib/report.ts';
import { fullOrQuick } from './lib/sizes.ts';
import { median } from './lib/statistics.ts';
import { cpuMsOf, PageWriterProcess, track } from './pages/page-writer.ts';

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: String(fullOrQuick(8192, 256)) },
    dirty: { type: 'string', default: '1000' },
    runs: { type: 'string', default: String(fullOrQuick(15, 5)) },
  },
});
const [mib, dirty, runs] = [Number(values.mib), Number(values.dirty), Number(values.runs)];
const [chosen] = workingTrackers();
if (chosen === undefined) throw new Error('no tracker works here');
const { binary, folder } = compile('page-writer');
try {
  const writer = await PageWriterProcess.start(binary, mib);
  const tracker = await track(writer, chosen);
  const onTarget = new TargetPages();
  const look = (frozen: boolean): { readonly cpu: number; readonly clock: number } => {
    const vmas = readMaps(writer.pid) ?? [];
    const began = performance.now();
    let clock = 0;
    const cpu = cpuMsOf(() => {
      const found = tracker.collect(vmas, { frozen });
      onTarget.collected(found);
      clock = performance.now() - began;
      onTarget.sent(found);
    });
    return { cpu, clock };
  };
  look(false);
  for (const frozen of [false, true]) {
    const cpu: number[] = [];
    const clock: number[] = [];
    for (let i = 0; i < runs; i++) {
      await writer.tell(`pages ${dirty}`);
      const taken = look(frozen);
      cpu.push(taken.cpu);
      clock.push(taken.clock);
      if (frozen) look(false); // protects again what a frozen look left
    }
    const where = frozen ? 'in the freeze' : 'while it runs';
    const list = (values: readonly number[]): string => values.map((ms) => ms.toFixed(2)).join(' ');
    console.log(`${where}: CPU ms ${list(cpu)}; on the clock ${list(clock)}`);
    const [counts, beside] = frozen
      ? [clock, `on the clock; ${median(cpu).toFixed(2)} ms of CPU`]
      : [cpu, `CPU time; ${median(clock).toFixed(2)} ms on the clock`];
    reportGoal(frozen ? 'scan-frozen' : 'scan-running', median(counts), {
      conditions: `${chosen.kind}, ${mib} MiB, ${dirty} pages dirty, median of ${runs}, ${beside}`,
      reduced: mib < 8192,
    });
  }
  tracker.disarm();
  writer.end();
} finally {
  rmSync(folder, { recursive: true });
}

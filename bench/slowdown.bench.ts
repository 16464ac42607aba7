// By how much a program is slower while it is tracked, one round a second, than alone; interleaved. A loop that writes pages, with each
// tracker that this kernel has, and redis under redis-benchmark, with the best one. Both by CPU time, so that other work on the machine counts
// less: page writes for each CPU-second, and CPU time of redis for each command; the commands a second stand beside it.
// Options: --mib N (1024, of the loop), --runs N (5), --seconds N (4, of each loop), --commands N (500000, of each redis-benchmark).
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readMaps } from '../src/kernel/proc/maps.ts';
import { workingTrackers, type ChosenTracker } from '../src/source/trackers/choose.ts';
import { hasCommand } from '../test/helpers/commands.ts';
import { compile } from './lib/compile.ts';
import { reportGoal } from './lib/report.ts';
import { fullOrQuick } from './lib/sizes.ts';
import { median } from './lib/statistics.ts';
import { PageWriterProcess, track } from './pages/page-writer.ts';
import { BenchmarkedRedis } from './pages/benchmarked-redis.ts';

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: String(fullOrQuick(1024, 64)) },
    runs: { type: 'string', default: String(fullOrQuick(5, 2)) },
    seconds: { type: 'string', default: String(fullOrQuick(4, 2)) },
    commands: { type: 'string', default: String(fullOrQuick(500_000, 200_000)) },
  },
});
const [mib, runs, seconds, commands] = [values.mib, values.runs, values.seconds, values.commands].map(
  Number,
) as [number, number, number, number];
const roundMs = 1000;

const { binary, folder } = compile('page-writer');

/** Percent. A step writes one page and works for so many turns besides. */
async function slowDownOfLoop(chosen: ChosenTracker, work: number): Promise<number> {
  const ratios: number[] = [];
  let rate = 0;
  for (let i = 0; i < runs; i++) {
    const writer = await PageWriterProcess.start(binary, mib);
    await writer.tell(`work ${work}`);
    const alone = await writer.tell(`loop ${seconds * 1000}`);
    const tracker = await track(writer, chosen);
    const look = (): void => {
      tracker.collect(readMaps(writer.pid) ?? [], { frozen: false });
    };
    look();
    const timer = setInterval(look, roundMs);
    const tracked = await writer.tell(`loop ${seconds * 1000}`);
    clearInterval(timer);
    tracker.disarm();
    writer.end();
    ratios.push(tracked / alone);
    rate = alone / seconds;
  }
  const percent = (1 - median(ratios)) * 100;
  console.log(
    `  ${Math.round(rate / 1000)}k page writes a CPU-second, slowed down by ${percent.toFixed(1)} %`,
  );
  return percent;
}

async function slowDownOfRedis(chosen: ChosenTracker): Promise<void> {
  using redis = await BenchmarkedRedis.start();
  await redis.run(commands); // makes the keys
  const perCommand: number[] = [];
  const rates: number[] = [];
  for (let i = 0; i < runs; i++) {
    const alone = await redis.run(commands);
    const tracked = await redis.runTracked(commands, chosen, roundMs);
    perCommand.push(1 - alone.cpuUs / tracked.cpuUs);
    rates.push(1 - tracked.perSecond / alone.perSecond);
    console.log(
      `  alone ${alone.cpuUs.toFixed(1)} us of CPU a command, ${Math.round(alone.perSecond)} a second; ` +
        `tracked ${tracked.cpuUs.toFixed(1)}, ${Math.round(tracked.perSecond)}`,
    );
  }
  const conditions =
    `redis-benchmark: SET of 1000 bytes, 100,000 keys, ${commands} commands, ${runs} interleaved runs; by CPU time of redis; ` +
    `${(median(rates) * 100).toFixed(1)} % fewer commands a second`;
  reportGoal('slow-down-redis', median(perCommand) * 100, { conditions, reduced: commands < 500_000 });
}

const trackers = workingTrackers();
try {
  for (const [i, chosen] of trackers.entries()) {
    console.log(`${chosen.kind}: a loop that writes pages of ${mib} MiB`);
    // redis under 40,000 SETs a second writes as many pages as the first; the other does nothing but write.
    const percent = await slowDownOfLoop(chosen, 18_000);
    const worst = await slowDownOfLoop(chosen, 60);
    const conditions =
      `${chosen.kind}, ${mib} MiB, as many page writes as a busy redis, ${runs} interleaved runs, by CPU time; ` +
      `nothing but writes: ${worst.toFixed(1)} %`;
    if (i === 0) reportGoal('slow-down-loop', percent, { conditions, reduced: mib < 1024 });
  }
  const [best] = trackers;
  if (best === undefined || !(await hasCommand('redis-benchmark')))
    console.log('redis-benchmark is not installed');
  else {
    console.log(`${best.kind}: redis under redis-benchmark`);
    await slowDownOfRedis(best);
  }
} finally {
  rmSync(folder, { recursive: true });
}

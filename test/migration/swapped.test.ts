// Pages that are in swap when their tree moves, with each tracker that this kernel has.
import t from 'tap';
import { workingTrackers } from '../../src/source/trackers/choose.ts';
import { sleep } from '../helpers/commands.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { roundsTimeoutMs, thereAndBack } from '../helpers/round-trip.ts';
import { unless } from '../helpers/skip-unless.ts';
import { SwapSpace } from '../helpers/swap-space.ts';
import { startWorkload, verdictOf } from '../helpers/workloads.ts';

const skip = await unless('hosts', 'godwit', 'command:cc', 'command:mkswap', 'command:swapon');

await t.test('pages in swap arrive', { skip, timeout: 2 * roundsTimeoutMs }, async (t) => {
  await using swap = await SwapSpace.make(64);
  if (swap.missing !== undefined) {
    // The promise is the subtest's, which the parent waits for by itself.
    void t.skip(swap.missing, () => undefined);
    return;
  }
  await using hosts = await makeHosts({ count: 2 });
  for (const { kind } of workingTrackers()) {
    for (const motion of [false, true]) {
      const env = motion ? { WORKLOAD_MOTION: '1' } : {};
      const workload = await startWorkload(hosts.a, 'swapped', undefined, { env });
      const work = async (): Promise<void> => sleep(200);
      const at = await thereAndBack(t, hosts, workload.pid, work, ['--tracker', kind]);
      t.equal(await verdictOf(at, workload), 'ok', `${kind}, ${motion ? 'in motion' : 'at rest'}`);
    }
  }
});

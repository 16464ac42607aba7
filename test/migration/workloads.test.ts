// The workloads themselves: each one finds nothing wrong when nobody migrates it. What fails here says nothing about Godwit.
import t from 'tap';
import { sleep } from '../helpers/commands.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { unless } from '../helpers/skip-unless.ts';
import { whyNotHere } from '../helpers/workload-head.ts';
import { startWorkload, verdictOf, workloadHead, workloadNames } from '../helpers/workloads.ts';

t.setTimeout(300_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'command:cc');

await t.test('every workload is content when it is left alone', { skip, timeout: 240_000 }, async (t) => {
  await using hosts = await makeHosts({ count: 1 });
  const queue = [...workloadNames];
  const worker = async (): Promise<void> => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const missing = whyNotHere(workloadHead(name));
      if (missing !== undefined) {
        // The promise is the subtest's, which the parent waits for by itself.
        void t.skip(`${name}: ${missing}`, () => undefined);
        continue;
      }
      const workload = await startWorkload(hosts.a, name);
      await sleep(500);
      t.equal(await verdictOf(hosts.a, workload), 'ok', name);
    }
  };
  await Promise.all(Array.from({ length: 4 }, worker));
  t.strictSame(await hosts.a.leftovers(), []);
});

await t.test('a workload that finds something wrong says so', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 1 });
  const workload = await startWorkload(hosts.a, 'pipes');
  const { a } = hosts;
  const steal = `const fs = require('fs'); fs.readSync(fs.openSync('/proc/${workload.pid}/fd/5'), Buffer.alloc(9));`;
  await a.run(process.execPath, ['-e', steal]);
  t.match(await verdictOf(a, workload), /expected .* got /);
});

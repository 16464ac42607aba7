// The check lists everything that stands in the way, not the first thing only.
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { mustRun, until } from '../helpers/commands.ts';
import { godwitPath } from '../helpers/godwit-path.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { native } from '../../src/native.ts';
import { unless } from '../helpers/skip-unless.ts';
import { startWorkload } from '../helpers/workloads.ts';

t.setTimeout(180_000); // on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:cc');
const source = fileURLToPath(new URL('ten-blockers.c', import.meta.url));
const reasons = [
  /netlink of protocol 2/,
  /packet sockets/,
  /packet sockets/,
  /a namespace/,
  /a file of \/proc/,
  /it decides who may open or read files/,
  /a write lease/,
  /its root directory .* was removed/,
  /uses userfaultfd itself/,
  /one descriptor table \(CLONE_FILES\), and not with their parent/,
];

await t.test('a process with ten unsupported things is told of ten', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 1 });
  const { a } = hosts;
  const directory = mkdtempSync(join(hosts.scratch, 'ten-'));
  const binary = join(directory, 'ten-blockers');
  await mustRun('cc', ['-std=gnu17', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror', '-o', binary, source]);
  const spawned = await a.spawn(binary, [directory]);
  await until(
    () => `it is ready: ${spawned.errors()}`,
    () => spawned.log().includes('ready\n'),
    20_000,
    50,
  );
  const args = [godwitPath, 'check', '--pid', String(spawned.pid), '--json'];
  const result = await a.run(process.execPath, args);
  t.equal(result.code, 3, 'refused');
  const guarded = spawned.log().includes('guarded\n') ? [/it is shared memory with guard pages/] : [];
  for (const reason of [...reasons, ...guarded]) t.match(result.stdout, reason);
});

const needed = skip === false && native.probe('protection-keys') !== 0 ? 'no protection keys here' : skip;

await t.test(
  'keys are refused where no tracer could set what threads may do by them',
  { skip: needed },
  async (t) => {
    await using hosts = await makeHosts({ count: 1 });
    const { a } = hosts;
    const workload = await startWorkload(a, 'protection-keys');
    const args = [godwitPath, 'check', '--pid', String(workload.pid), '--json'];
    const env = { GODWIT_WITHOUT: 'protection-keys' };
    const result = await a.run(process.execPath, args, { env });
    t.equal(result.code, 3, 'refused');
    t.match(result.stdout, /mapping [0-9a-f]+-[0-9a-f]+.*it has a protection key/);
    const asUsual = await a.run(process.execPath, args);
    t.notMatch(asUsual.stdout, /protection key/, 'and carried where it can');
  },
);

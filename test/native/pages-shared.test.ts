// Reading the memory of a process must not end its copy-on-write: process_vm_readv(2) would copy each page that it shares.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import t from 'tap';
import { pagesIn, sameFrames, type PageRuns } from '../../src/kernel/page-runs.ts';
import { readChildren } from '../../src/kernel/proc/children.ts';
import { readMaps } from '../../src/kernel/proc/maps.ts';
import { errnoName } from '../../src/kernel/program.ts';
import { native } from '../../src/native.ts';
import { unless } from '../helpers/skip-unless.ts';
import { buildWorkload } from '../helpers/workloads.ts';

const skip =
  process.getuid?.() === 0 ? await unless('command:cc') : 'page frames are shown to CAP_SYS_ADMIN only';
const mib = 8;

t.test('what a parent shares with its children is shared after it was read', { skip }, async (t) => {
  const crowd = spawn(await buildWorkload('crowd'), ['workers', String(mib)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const pid = crowd.pid ?? -1;
  t.teardown(() => {
    for (const worker of readChildren(pid) ?? []) process.kill(worker, 'SIGKILL');
    crowd.kill('SIGKILL');
  });
  await once(crowd.stdout, 'data'); // "ready"
  const [child = -1] = readChildren(pid) ?? [];
  const files = [`/proc/${pid}/mem`, `/proc/${pid}/pagemap`, `/proc/${child}/pagemap`];
  const [mem = -1, pagemap = -1, ofChild = -1] = files.map((path) => openSync(path, 'r'));
  t.teardown(() => {
    for (const fd of [mem, pagemap, ofChild]) closeSync(fd);
  });
  const common = readMaps(pid)?.find(({ start, end }) => end - start === mib * 2 ** 20);
  const { start = 0, end = 0 } = common ?? {};
  const runs: PageRuns = { runs: Float64Array.of(start, end - start), count: 1 };
  const shared = (): number => {
    const same = sameFrames(pagemap, ofChild, runs);
    return typeof same === 'number' ? same : pagesIn(same);
  };
  const before = shared();
  t.ok(before > 200 * mib, `${before} pages are shared`);

  const payload = new Uint8Array(end - start);
  const [kept, zero] = [new Float64Array(512 * mib), new Float64Array(512 * mib)];
  const result = new Float64Array(5);
  const error = native.readPages(
    pid,
    mem,
    pagemap,
    runs.runs,
    1,
    new Float64Array(2),
    payload,
    kept,
    zero,
    result,
  );
  t.equal(error, 0, errnoName(error));
  t.equal(result[1], payload.length, 'all is read');
  t.equal(shared(), before);
});

// Reading the memory of a process must not end its copy-on-write: process_vm_readv(2) would copy each page that it shares.
import t from 'tap';
import { pagesIn, sameFrames } from '../../src/kernel/page-runs.ts';
import { errnoName } from '../../src/kernel/program.ts';
import { native } from '../../src/native.ts';
import { pageReadField } from '../../src/native-pages.ts';
import { unless } from '../helpers/skip-unless.ts';
import { Workers } from '../helpers/workers.ts';

const isRoot = process.getuid?.() === 0;
const skip = isRoot ? await unless('command:cc') : 'page frames are shown to CAP_SYS_ADMIN only';
const mib = 8;

t.test('what a parent shares with its children is shared after it was read', { skip }, async (t) => {
  using workers = await Workers.start(mib, false);
  const { pid, children, common } = workers;
  const [mem, pagemap] = [workers.open(pid, 'mem'), workers.open(pid, 'pagemap')];
  const ofChild = workers.open(children[0] ?? 0, 'pagemap');
  const shared = (): number => {
    const same = sameFrames(pagemap, ofChild, common);
    return typeof same === 'number' ? same : pagesIn(same);
  };
  const before = shared();
  t.ok(before > 200 * mib, `${before} pages are shared`);
  const payload = new Uint8Array(mib * 2 ** 20);
  const [kept, zero] = [new Float64Array(512 * mib), new Float64Array(512 * mib)];
  const result = new Float64Array(5);
  const [cursor, { runs }] = [new Float64Array(2), common];
  const error = native.readPages(pid, mem, pagemap, runs, 1, cursor, payload, kept, zero, result);
  t.equal(error, 0, errnoName(error));
  t.equal(result[pageReadField.payload], payload.length, 'all is read');
  t.equal(shared(), before);
});

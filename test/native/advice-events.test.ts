// Why shared anonymous memory goes in the freeze, also in post-copy (docs/adr/0005): the kernel tells of MADV_DONTNEED, behind which its content is
// there, and of MADV_REMOVE, behind which it is zeros, by the same event. Should it tell them apart some day, this test says so.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';

const cannot = 77;
const dir = mkdtempSync(join(tmpdir(), 'godwit-advice-'));
t.teardown(() => {
  rmSync(dir, { recursive: true });
});
const binary = join(dir, 'advice-events');
const source = new URL('advice-events.c', import.meta.url).pathname;
execFileSync('cc', ['-O1', '-pthread', '-o', binary, source]);
const { status, stdout } = spawnSync(binary, { encoding: 'utf8', timeout: 20_000 });
const skip = status === cannot && 'this kernel or user has no userfaultfd that tells of removed memory';

await t.test(
  'two advices with different effects on shared memory are one event to a userfaultfd',
  { skip },
  (t) => {
    t.equal(status, 0);
    const [dontneed = [], remove = []] = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ').map(Number));
    t.equal(dontneed.length, 4, stdout);
    t.same(remove.slice(0, 3), dontneed.slice(0, 3), 'the same event, start and length');
    t.equal(dontneed[3], 7, 'behind MADV_DONTNEED the content is there');
    t.equal(remove[3], 0, 'behind MADV_REMOVE it is not');
    t.end();
  },
);

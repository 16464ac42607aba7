// Which file of this host counts as the source's.
import { closeSync, constants, mkdtempSync, openSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { FileIdentity } from '../../../src/images/memory.ts';
import { mismatchOf } from '../../../src/target/agent-files.ts';

const folder = mkdtempSync('/dev/shm/godwit-files-'); // a tmpfs: storage of this host alone
t.teardown(() => {
  rmSync(folder, { recursive: true });
});
const path = join(folder, 'log');
writeFileSync(path, 'content');
const fd = openSync(path, constants.O_RDONLY);
t.teardown(() => {
  closeSync(fd);
});

function identity(more: Partial<FileIdentity>): FileIdentity {
  const { dev, ino, size, mtimeNs } = statSync(path, { bigint: true });
  const mtimeMs = Number(mtimeNs) / 1e6;
  return {
    path,
    dev,
    ino,
    size: Number(size),
    mtimeMs,
    written: false,
    compare: 'content',
    ownStorage: false,
    ...more,
  };
}

void t.test('a file that the tree writes is the same only on storage that both hosts share', async (t) => {
  const shared = identity({ written: true });
  t.equal(mismatchOf(shared, fd, false), undefined, 'the source has it from a network');
  const own = identity({ written: true, ownStorage: true });
  t.match(
    mismatchOf(own, fd, false),
    /does not lie on storage that both hosts share/,
    'equal inode numbers are chance',
  );
  t.equal(mismatchOf(own, fd, true), undefined, 'on one kernel they are proof');
  const other = identity({ written: true, ino: 1n });
  t.match(mismatchOf(other, fd, false), /does not lie on storage/, 'another inode is another file');
});

void t.test('less may be the same where the operator says so, of what the tree does not write', async (t) => {
  const changed = { mtimeMs: 5, hash: 5n };
  t.equal(mismatchOf(identity({ ...changed, compare: 'size' }), fd, false), undefined);
  t.match(
    mismatchOf(identity({ ...changed, size: 3, compare: 'size' }), fd, false),
    /has 7 bytes instead of 3/,
  );
  t.equal(mismatchOf(identity({ ...changed, size: 3, compare: 'name' }), fd, false), undefined);
  const written = identity({ ino: 1n, written: true, compare: 'name' });
  t.match(mismatchOf(written, fd, false), /does not lie on storage/);
});

void t.test('a file that the tree only reads is the same when its content is', async (t) => {
  t.equal(mismatchOf(identity({}), fd, false), undefined, 'nothing differs');
  t.match(mismatchOf(identity({ size: 3 }), fd, false), /has 7 bytes instead of 3/);
  t.match(mismatchOf(identity({ mtimeMs: 5 }), fd, false), /time of modification differs/);
  t.match(mismatchOf(identity({ mtimeMs: 5, hash: 5n }), fd, false), /content differs/);
});

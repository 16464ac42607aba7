// Which descriptors are one open file: with an order given by hand instead of kcmp(2).
import t from 'tap';
import { OpenFileGroups } from '../../../../src/source/resources/identity.ts';
import { SeenFile, type OpenFileGroup } from '../../../../src/source/resources/seen-file.ts';

function seen(fd: number, flags = 2, ino = 9): SeenFile {
  const info = { pos: 0n, flags, mntId: 1, ino, locks: [], unknown: [] };
  return new SeenFile({ pid: 1, vpid: 1 }, fd, 'anon_inode:[eventfd]', info);
}

type Compare = (a: SeenFile, b: SeenFile) => number;

function groupOpenFiles(files: readonly SeenFile[], compare: Compare): readonly OpenFileGroup[] {
  const groups = new OpenFileGroups(compare);
  for (const file of files) groups.add(file);
  return groups.list;
}

t.test('a thousand look-alikes of a hundred open files are told apart in n log n comparisons', (t) => {
  let compared = 0;
  const fileOf = (file: SeenFile): number => (file.fd * 7919) % 100;
  const files = Array.from({ length: 1000 }, (_, fd) => seen(fd));
  const groups = groupOpenFiles(files, (a, b) => {
    compared++;
    return fileOf(a) === fileOf(b) ? 0 : fileOf(a) < fileOf(b) ? 1 : 2;
  });
  t.equal(groups.length, 100);
  t.ok(groups.every(({ holders }) => holders.length === 10 && new Set(holders.map(fileOf)).size === 1));
  t.ok(compared < 1000 * 8, `${compared} comparisons`);
  t.same(
    groups.map(({ id }) => id),
    groups.map((_, index) => index),
  );
  t.end();
});

t.test('what differs in flags or inode is never compared; close-on-exec does not count', (t) => {
  const cloexec = 0o2000000;
  let compared = 0;
  const groups = groupOpenFiles([seen(1), seen(2, 2 | cloexec), seen(3, 1), seen(4, 2, 10)], () => {
    compared++;
    return 0;
  });
  t.equal(compared, 1);
  t.same(
    groups.map(({ holders }) => holders.map(({ fd }) => fd)),
    [[1, 2], [3], [4]],
  );
  t.equal(groups[0]?.holders[1]?.closeOnExec, true);
  t.end();
});

t.test('what cannot be compared counts as different', (t) => {
  const ebadf = -9;
  t.equal(groupOpenFiles([seen(1), seen(2)], () => ebadf).length, 2);
  t.end();
});

// Maps of user namespaces.
import t from 'tap';
import { isSameInside, readIdMap } from '../../../../src/kernel/proc/id-map.ts';

t.test('an ID is the same inside only where its own range is not moved', (t) => {
  const map = [
    { inside: 0, outside: 100_000, length: 1000 },
    { inside: 1000, outside: 1000, length: 2 },
  ];
  t.same(
    [0, 999, 1000, 1001, 1002, 100_000].map((id) => isSameInside(map, id)),
    [false, false, true, true, false, false],
  );
  t.equal(isSameInside([], 0), false, 'nobody has written the map yet');
  t.end();
});

t.test('the map of this process; that of none', (t) => {
  const map = readIdMap(process.pid, 'uid_map') ?? [];
  t.ok(map.length > 0 && map.every(({ length }) => length > 0));
  t.ok(isSameInside(map, process.getuid?.() ?? -1), 'read by a process of the same namespace');
  t.equal(readIdMap(2 ** 22 + 1, 'gid_map'), undefined);
  t.end();
});

// Where a tracker may register more than it knows of: up to the next mapping that is not its own.
import t from 'tap';
import { parseMaps } from '../../../src/kernel/proc/maps.ts';
import { isLinux } from '../../../src/kernel/release.ts';
import { stretchesOf } from '../../../src/source/trackers/stretches.ts';

const maps = `00400000-00401000 r-xp 00000000 fe:01 7  /bin/x
00600000-00700000 rw-p 00000000 00:00 0  [heap]
7f0000000000-7f0000001000 rw-s 00000000 00:01 9  /dev/zero (deleted)
7f0000002000-7f0000003000 rw-p 00000000 00:00 0
7ffff0000000-7ffff0002000 r--p 00000000 00:00 0  [vvar]
7ffff0002000-7ffff0004000 r-xp 00000000 00:00 0  [vdso]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0  [vsyscall]
`;

t.test('stretches reach from one mapping that is not carried to the next', (t) => {
  const vmas = parseMaps(maps);
  t.same(
    [...stretchesOf(vmas)],
    [
      ...[0x1_0000, 0x7f00_0000_0000 - 0x1_0000],
      ...[0x1_0000, 0x7f00_0000_0000 - 0x1_0000],
      ...[0x7f00_0000_1000, 0x7fff_f000_0000 - 0x7f00_0000_1000],
    ],
  );
  t.same(
    [...stretchesOf(parseMaps('00001000-00002000 rw-p 00000000 00:00 0\n'))],
    [0x1000, 0x7fff_ffff_e000],
  );
  t.same([...stretchesOf(vmas.filter(({ special }) => special === 'vsyscall'))], []);
  t.end();
});

t.test('versions of the kernel are compared by their numbers', (t) => {
  t.ok(isLinux(6, 13, '6.18.44-fc'));
  t.ok(isLinux(6, 13, '7.0.0'));
  t.ok(isLinux(6, 13, '6.13-rc1'));
  t.notOk(isLinux(6, 13, '6.12.90+deb13-amd64'));
  t.notOk(isLinux(6, 13, '5.15.0'));
  t.end();
});

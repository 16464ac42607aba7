// Mounts and the processor.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { parseCpuinfo, readCpu } from '../../../src/kernel/cpu.ts';
import { mountById, mountOfPath, parseMountinfo, readMountinfo } from '../../../src/kernel/mountinfo.ts';

const text = String.raw`27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
36 27 98:0 /mnt1 /mnt/with\040space\011tab\012line\134back rw,noatime master:1 shared:7 - fuse.ssh\040fs user@host:/a\040b rw,errors=continue
37 27 0:21 / /mnt/a rw - tmpfs none rw
38 37 0:22 / /mnt/a/b rw - tmpfs  rw
39 37 0:23 / /mnt/a/b rw - tmpfs upper rw
`;

t.test('mountinfo: escapes, optional fields, empty sources', (t) => {
  const mounts = parseMountinfo(text);
  t.same(mounts[1], {
    id: 36,
    parentId: 27,
    devMajor: 98,
    devMinor: 0,
    root: '/mnt1',
    mountPoint: '/mnt/with space\ttab\nline\\back',
    options: ['rw', 'noatime'],
    tags: ['master:1', 'shared:7'],
    type: 'fuse.ssh fs',
    source: 'user@host:/a b',
    superOptions: ['rw', 'errors=continue'],
  });
  t.match(mounts[3], { source: '', superOptions: ['rw'], tags: [] });
  t.equal(mountById(mounts, 37)?.mountPoint, '/mnt/a');
  t.equal(mountById(mounts, 99), undefined);
  t.end();
});

t.test('a path lies on the deepest mount, and on the last of several at one place', (t) => {
  const mounts = parseMountinfo(text);
  t.equal(mountOfPath(mounts, '/mnt/a/b/c')?.id, 39);
  t.equal(mountOfPath(mounts, '/mnt/a/bc')?.id, 37);
  t.equal(mountOfPath(mounts, '/mnt/ab')?.id, 27);
  t.equal(mountOfPath(mounts, '/')?.id, 27);
  const own = readMountinfo('self') ?? [];
  t.equal(mountOfPath(own, '/proc/self')?.type, 'proc');
  t.equal(readMountinfo(2 ** 22), undefined);
  t.end();
});

t.test('cpu: only what every processor has counts', (t) => {
  const processor = (flags: string): string =>
    `vendor_id\t: X\nmodel name\t: The Model\nflags\t\t: ${flags}\nbugs\t\t: a\n\n`;
  const cpu = parseCpuinfo(
    processor('fpu sse avx512f') + processor('fpu sse') + processor('fpu sse avx512f'),
  );
  t.same([...cpu.flags], ['fpu', 'sse']);
  t.match(cpu, { vendor: 'X', model: 'The Model' });
  t.equal(parseCpuinfo('').flags.size, 0);
  t.end();
});

t.test('cpu: the extended state holds at least what x87 and SSE need', (t) => {
  const cpu = readCpu();
  t.ok(cpu.flags.has('fxsr'));
  t.ok(cpu.xsaveSize >= 512);
  if (cpu.flags.has('xsave')) t.equal(cpu.xsaveFeatures & 3n, 3n);
  if (cpu.flags.has('avx')) t.ok(cpu.xsaveSize >= 832 && (cpu.xsaveFeatures & 4n) !== 0n);
  t.ok(readFileSync('/proc/cpuinfo', 'latin1').includes(cpu.model));
  t.end();
});

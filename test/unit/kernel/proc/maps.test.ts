// maps and smaps: real lines of Linux 6.1 and 6.18, the odd ones first.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { parseMaps, readMaps, type Vma } from '../../../../src/kernel/proc/maps.ts';
import { parseSmaps, readSmaps } from '../../../../src/kernel/proc/smaps.ts';

const maps = String.raw`55d9b21f8000-55d9b21f9000 r-xp 00001000 fe:00 2146385                    /tmp/odd
55d9d37c8000-55d9d37e9000 rw-p 00000000 00:00 0                          [heap]
7fdb2bfa1000-7fdb2bfa4000 rw-p 00000000 00:00 0 
7fdb2c188000-7fdb2c189000 r--s 00000000 00:01 16                         /memfd:the memfd (deleted)
7fdb2c189000-7fdb2c18a000 rw-p 00000000 fe:00 2146367                    /tmp/odd-gone   (deleted)
7fdb2c18a000-7fdb2c18b000 rw-s 00000000 fe:00 2146366                    /tmp/odd dir\012with ) (deleted)
7fdb2c18b000-7fdb2c18c000 rw-s 00000000 00:01 15                         /dev/zero (deleted)
7fdb2c18d000-7fdb2c191000 rw-p 00000000 00:00 0                          [anon:my heap]
7fdb2c18e000-7fdb2c18f000 rw-s 00000000 00:01 17                         [anon_shmem:shm name]
7fdb2c190000-7fdb2c191000 rw-s 00000000 00:10 1031                       anon_inode:[io_uring]
7fdb2c191000-7fdb2c195000 r--p 00000000 00:00 0                          [vvar]
7fdb2c195000-7fdb2c197000 r--p 00000000 00:00 0                          [vvar_vclock]
7fdb2c197000-7fdb2c199000 r-xp 00000000 00:00 0                          [vdso]
7fdb2d000000-7fdb2d200000 ---p 7fdb2d000000 103:0a 18446744073709551615  /a/b  c
7ffe9ae56000-7ffe9ae77000 rw-p 00000000 00:00 0                          [stack]
7ffe9ae80000-7ffe9ae81000 r-xp 00000000 00:00 0                          [uprobes]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
`;

const at = (vmas: readonly Vma[], start: number): Vma => {
  const found = vmas.find((vma) => vma.start === start);
  if (found === undefined) throw new Error(`no mapping at ${start.toString(16)}`);
  return found;
};

t.test('a file mapping is read with every field', (t) => {
  t.same(parseMaps(maps)[0], {
    start: 0x55d9b21f8000,
    end: 0x55d9b21f9000,
    read: true,
    write: false,
    exec: true,
    shared: false,
    offset: 0x1000,
    devMajor: 0xfe,
    devMinor: 0,
    inode: 2146385,
    path: '/tmp/odd',
    deleted: false,
  });
  t.end();
});

t.test('names with spaces, parentheses and newlines come out as they are', (t) => {
  const vmas = parseMaps(maps);
  t.match(at(vmas, 0x7fdb2c189000), { path: '/tmp/odd-gone  ', deleted: true, shared: false });
  t.match(at(vmas, 0x7fdb2c18a000), { path: '/tmp/odd dir\nwith )', deleted: true, shared: true });
  t.match(at(vmas, 0x7fdb2c188000), { path: '/memfd:the memfd', deleted: true, inode: 16 });
  t.match(at(vmas, 0x7fdb2d000000), {
    path: '/a/b  c',
    devMajor: 0x103,
    devMinor: 10,
    offset: 0x7fdb2d000000,
  });
  t.end();
});

t.test('a backslash that is no escaped newline stays', (t) => {
  const line = String.raw`1000-2000 r--p 00000000 fe:00 1    /tmp/a\134b\x`;
  t.equal(parseMaps(line)[0]?.path, String.raw`/tmp/a\134b\x`, 'the kernel escapes only newlines here');
  t.end();
});

t.test('every special mapping is named', (t) => {
  const kinds = parseMaps(maps).map(({ special }) => special ?? '');
  t.same(
    kinds.filter((kind) => kind !== ''),
    [
      ...['heap', 'anon-name', 'anon-name', 'other', 'vvar', 'vvar_vclock', 'vdso', 'stack', 'other'],
      'vsyscall',
    ],
  );
  const anonymous = at(parseMaps(maps), 0x7fdb2bfa1000);
  t.match(anonymous, { path: '', inode: 0 });
  t.notOk('special' in anonymous);
  t.end();
});

t.test('the addresses of vsyscall are exact, although above 2^53', (t) => {
  const vsyscall = parseMaps(maps).at(-1);
  t.equal(BigInt(vsyscall?.start ?? 0), 0xffffffffff600000n);
  t.equal(BigInt(vsyscall?.end ?? 0), 0xffffffffff601000n);
  t.end();
});

t.test('our own mappings are read back line by line', (t) => {
  const vmas = readMaps('self') ?? [];
  t.ok(vmas.some(({ special }) => special === 'vdso'));
  t.ok(vmas.some(({ path, exec }) => path === process.execPath && exec));
  t.ok(vmas.every(({ start, end }) => start < end && start % 4096 === 0));
  t.equal(readMaps(2 ** 22), undefined, 'no such process');
  t.end();
});

t.test('smaps adds sizes, flags, the name and the protection key', (t) => {
  const text = `7fdb2c18d000-7fdb2c191000 rw-p 00000000 00:00 0                          [anon:my heap]
Size:                 16 kB
KernelPageSize:        4 kB
MMUPageSize:           4 kB
Rss:                   8 kB
Anonymous:             8 kB
AnonHugePages:         0 kB
Swap:                  4 kB
THPeligible:           0
ProtectionKey:         3
VmFlags: rd wr mr mw me ac sd 
f0000000-f0200000 rw-s 00000000 00:0f 19                                 /anon_hugepage (deleted)
KernelPageSize:     2048 kB
Rss:                   0 kB
VmFlags: rd wr sh mr mw me ms de ht sd 
`;
  const [named, huge] = parseSmaps(text);
  t.match(named, {
    name: 'my heap',
    special: 'anon-name',
    rssKb: 8,
    swapKb: 4,
    anonymousKb: 8,
    protectionKey: 3,
  });
  t.same(named?.vmFlags, ['rd', 'wr', 'mr', 'mw', 'me', 'ac', 'sd']);
  t.match(huge, { kernelPageSize: 2 << 20, path: '/anon_hugepage', deleted: true, start: 0xf0000000 });
  t.notOk('protectionKey' in (huge ?? {}));
  t.end();
});

t.test('smaps and maps agree about our own stack and vdso', (t) => {
  const [entries, vmas] = [readSmaps('self') ?? [], readMaps('self') ?? []];
  for (const special of ['vdso', 'vvar']) {
    const { start, end } = vmas.find((vma) => vma.special === special) ?? { start: 0, end: 0 };
    t.match(
      entries.find((entry) => entry.special === special),
      { start, end },
    );
  }
  const stack = entries.find((entry) => entry.special === 'stack');
  t.ok(stack?.vmFlags.includes('gd'), 'the stack grows down');
  t.ok((stack?.rssKb ?? 0) > 0);
  t.equal(parseSmaps(readFileSync('/proc/self/smaps', 'utf8')).length > 50, true);
  t.end();
});

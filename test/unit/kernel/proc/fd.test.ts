// Descriptors, fdinfo and locks: real texts of Linux 6.1 and 6.18.
import { closeSync, mkdtempSync, openSync, rmSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { listFds, parseFdLink, readFd, statFd } from '../../../../src/kernel/proc/fd.ts';
import { parseFdInfo, readFdInfo } from '../../../../src/kernel/proc/fdinfo.ts';
import { parseLockLine, parseLocks, readLocks } from '../../../../src/kernel/proc/locks.ts';

t.test('what a descriptor leads to is told by its link', (t) => {
  const kinds: [string, object][] = [
    ['/tmp/odd dir\nwith ) (deleted)', { kind: 'path', target: '/tmp/odd dir\nwith )', deleted: true }],
    ['/memfd:the memfd (deleted)', { kind: 'memfd', target: '/memfd:the memfd' }],
    ['/memfd:a file in the root', { kind: 'path', deleted: false }],
    ['socket:[63400]', { kind: 'socket', inode: 63400 }],
    ['pipe:[63386]', { kind: 'pipe', inode: 63386 }],
    ['anon_inode:[eventfd]', { kind: 'eventfd' }],
    ['anon_inode:[eventpoll]', { kind: 'epoll' }],
    ['anon_inode:inotify', { kind: 'inotify' }],
    ['anon_inode:[pidfd]', { kind: 'pidfd' }],
    ['pidfd:[52162]', { kind: 'pidfd' }],
    ['anon_inode:[io_uring]', { kind: 'io_uring' }],
    ['anon_inode:bpf-prog', { kind: 'other' }],
    ['net:[4026531840]', { kind: 'namespace', inode: 4026531840 }],
    ['(unreachable)/x', { kind: 'path' }],
  ];
  for (const [text, expected] of kinds) t.match(parseFdLink(3, text), { fd: 3, ...expected }, text);
  t.end();
});

t.test('our own descriptors are listed; closed ones are undefined', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'godwit fd '));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, 'a b');
  const fd = openSync(path, 'w');
  writeSync(fd, 'twelve bytes');
  t.match(
    listFds('self')?.find((entry) => entry.fd === fd),
    { target: path, kind: 'path', deleted: false },
  );
  t.match(readFdInfo('self', fd), { pos: 12n, locks: [], unknown: [] });
  unlinkSync(path);
  t.match(readFd(process.pid, fd), { target: path, deleted: true });
  t.match(statFd('self', fd), { nlink: 0n, size: 12n });
  closeSync(fd);
  t.equal(readFd('self', fd), undefined);
  t.equal(readFdInfo('self', fd), undefined);
  t.equal(statFd('self', fd), undefined);
  t.equal(listFds(2 ** 22), undefined);
  t.end();
});

const common = 'pos:\t0\nflags:\t02\nmnt_id:\t17\n';

t.test('fdinfo: the common part, and a position of 63 bits', (t) => {
  t.same(parseFdInfo('pos:\t9223372036854775807\nflags:\t0100002\nmnt_id:\t27\nino:\t2146366\n'), {
    pos: 9223372036854775807n,
    flags: 0o100002,
    mntId: 27,
    ino: 2146366,
    locks: [],
    unknown: [],
  });
  t.notOk('ino' in parseFdInfo(common), 'before Linux 5.14');
  t.end();
});

t.test('fdinfo: the count of an eventfd is hexadecimal', (t) => {
  const text = `${common}eventfd-count:             1234\neventfd-id: 11\neventfd-semaphore: 1\n`;
  t.same(parseFdInfo(text).eventfd, { count: 0x1234n, id: 11, semaphore: true });
  const full = `${common}eventfd-count: fffffffffffffffe\neventfd-id: 3\n`;
  t.same(
    parseFdInfo(full).eventfd,
    { count: 0xfffffffffffffffen, id: 3 },
    'Linux 6.1 does not show semaphore',
  );
  t.end();
});

t.test('fdinfo: a timerfd in nanoseconds', (t) => {
  const text = `${common}clockid: 1\nticks: 18446744073709551615\nsettime flags: 03\nit_value: (99, 843666869)\nit_interval: (1, 5)\n`;
  t.same(parseFdInfo(text).timerfd, {
    clockid: 1,
    ticks: 18446744073709551615n,
    settimeFlags: 3,
    itValue: 99_843_666_869n,
    itInterval: 1_000_000_005n,
  });
  t.end();
});

t.test('fdinfo: the targets of an epoll with 64-bit data', (t) => {
  const text = `${common}tfd:        7 events: 80000019 data:                7  pos:0 ino:40f sdev:10
tfd:        6 events: 40002019 data: deadbeefcafef00d  pos:5 ino:40f sdev:fe00000\n`;
  t.same(parseFdInfo(text).epoll, [
    { fd: 7, events: 0x80000019, data: 7n, pos: 0n, ino: 0x40f, sdev: 0x10 },
    { fd: 6, events: 0x40002019, data: 0xdeadbeefcafef00dn, pos: 5n, ino: 0x40f, sdev: 0xfe00000 },
  ]);
  t.end();
});

t.test('fdinfo: signalfd, inotify, pidfd, unix sockets and locks', (t) => {
  t.equal(parseFdInfo(`${common}sigmask:\t8000000000000200\n`).sigmask, 0x8000000000000200n);
  const watch =
    'inotify wd:1 ino:3f7e8 sdev:fe00000 mask:100 ignored_mask:0 fhandle-bytes:8 fhandle-type:1 f_handle:e8';
  t.same(parseFdInfo(`${common}${watch}\n`).inotify, [watch]);
  const made = 'fanotify flags:10 event-flags:8000';
  t.same(parseFdInfo(`${common}${made}\n`).fanotify, [made]);
  t.same(parseFdInfo(`${common}Pid:\t19717\nNSpid:\t19717\t3\n`).pidfd, { pid: 19717, nsPid: [19717, 3] });
  t.same(parseFdInfo(`${common}Pid:\t-1\n`).pidfd, { pid: -1, nsPid: [] }, 'its process has ended');
  t.equal(parseFdInfo(`${common}scm_fds: 2\n`).scmFds, 2);
  const { locks } = parseFdInfo(`${common}lock:\t1: FLOCK  ADVISORY  WRITE 19717 fe:00:2146366 0 EOF\n`);
  t.match(parseLockLine(locks[0] ?? ''), { kind: 'FLOCK', inode: 2146366 });
  t.end();
});

t.test('fdinfo: what is not known is kept', (t) => {
  const { unknown } = parseFdInfo(`${common}SqMask:\t0x7\nfnord flags:10 event-flags:0\n`);
  t.same(unknown, ['SqMask:\t0x7', 'fnord flags:10 event-flags:0']);
  t.end();
});

t.test('locks: ranges, waiters, owners, leases', (t) => {
  const locks = parseLocks(`1: POSIX  ADVISORY  WRITE 19717 fe:00:2146367 10 14
1: -> POSIX  ADVISORY  READ 77 fe:00:2146367 0 EOF
2: OFDLCK ADVISORY  READ -1 103:0a:12 0 9223372036854775806
3: LEASE  ACTIVE    READ 5 fe:00:3 0 EOF
`);
  t.same(locks[0], {
    id: 1,
    blocked: false,
    kind: 'POSIX',
    mode: 'ADVISORY',
    type: 'WRITE',
    pid: 19717,
    devMajor: 0xfe,
    devMinor: 0,
    inode: 2146367,
    start: 10n,
    end: 14n,
  });
  t.match(locks[1], { id: 1, blocked: true, type: 'READ', end: undefined });
  t.match(locks[2], { kind: 'OFDLCK', pid: -1, devMajor: 0x103, devMinor: 10, end: 9223372036854775806n });
  t.match(locks[3], { kind: 'LEASE', mode: 'ACTIVE' });
  t.ok(Array.isArray(readLocks()));
  t.end();
});

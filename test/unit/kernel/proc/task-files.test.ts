// What else /proc says of a process or thread: real texts of Linux 6.1 and 6.18.
import t from 'tap';
import { auxvValue, readAuxv } from '../../../../src/kernel/proc/auxv.ts';
import { parseCgroup2, readCgroup2 } from '../../../../src/kernel/proc/cgroup.ts';
import { parseLimits, readLimits, rlimInfinity } from '../../../../src/kernel/proc/limits.ts';
import { parseNamespaceLink, readNamespaces } from '../../../../src/kernel/proc/ns.ts';
import { parseExecStart, readExecStart } from '../../../../src/kernel/proc/sched.ts';
import { parseSyscall, readSyscall } from '../../../../src/kernel/proc/syscall.ts';
import { parseTimers, readTimers } from '../../../../src/kernel/proc/timers.ts';

const nobody = 2 ** 22; // past PID_MAX_LIMIT

t.test('limits: numbers of getrlimit(2), unlimited as RLIM_INFINITY', (t) => {
  const limits = parseLimits(`Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max stack size            8388608              unlimited            bytes     
Max open files            20000                1048576              files     
Max nice priority         0                    0                    
Max realtime timeout      unlimited            18446744073709551614 us        
`);
  t.same(limits.get('cpu'), { resource: 0, soft: rlimInfinity, hard: rlimInfinity });
  t.same(limits.get('stack'), { resource: 3, soft: 8388608n, hard: rlimInfinity });
  t.same(limits.get('nofile'), { resource: 7, soft: 20000n, hard: 1048576n });
  t.same(limits.get('nice'), { resource: 13, soft: 0n, hard: 0n });
  t.equal(limits.get('rttime')?.hard, 18446744073709551614n);
  t.equal(limits.size, 5);
  t.same(
    [...(readLimits('self')?.values() ?? [])].map(({ resource }) => resource),
    [...Array(16).keys()],
  );
  t.end();
});

t.test('timers: signal, value, whom they notify, and CPU clocks', (t) => {
  const text = `ID: 2
signal: 36/00007fff12345678
notify: none/pid.19717
ClockID: 7
ID: 1
signal: 64/ffffffffffffffff
notify: signal/tid.19718
ClockID: -6
ID: 0
signal: 14/0000000000000000
notify: signal/pid.19717
ClockID: 1
`;
  t.same(parseTimers(text), [
    { id: 0, clock: 1, notify: 0, signal: 14, thread: 0, value: 0n },
    { id: 1, clock: -6, notify: 4, signal: 64, thread: 19718, value: 0xffffffffffffffffn },
    { id: 2, clock: 7, notify: 1, signal: 36, thread: 0, value: 0x7fff12345678n },
  ]);
  t.same(parseTimers(''), []);
  t.ok(Array.isArray(readTimers('self')));
  t.end();
});

t.test('syscall: in a call, outside of one, running', (t) => {
  const text =
    '230 0x0 0x1 0x7ffe9ae75e30 0xffffffffffffffff 0x55d9d37e9000 0x21001 0x7ffe9ae75e18 0x7fdb2c073503\n';
  t.same(parseSyscall(text), {
    kind: 'syscall',
    nr: 230,
    args: [0n, 1n, 0x7ffe9ae75e30n, 0xffffffffffffffffn, 0x55d9d37e9000n, 0x21001n],
    sp: 0x7ffe9ae75e18n,
    pc: 0x7fdb2c073503n,
  });
  t.same(parseSyscall('-1 0x10 0x20\n'), { kind: 'outside', sp: 0x10n, pc: 0x20n });
  t.same(parseSyscall('running\n'), { kind: 'running' });
  t.match(readSyscall('self', process.pid), { kind: /running|syscall/ });
  t.end();
});

t.test('sched: when a thread was last put on a CPU, nanoseconds after the point', (t) => {
  const text = `cat (22226, #threads: 1)
-------------------------------------------------------------------
se.exec_start                                :       2096950.365250
se.vruntime                                  :           204.449734
`;
  t.equal(parseExecStart(text), 2096950.36525);
  t.equal(parseExecStart('nothing here\n'), undefined);
  const own = readExecStart('self', process.pid);
  t.ok(own === undefined || own > 0);
  t.equal(readExecStart(nobody, nobody), undefined);
  t.end();
});

t.test('cgroup: v2 among hierarchies of v1, and a removed one', (t) => {
  const text = '9:name=systemd:/\n6:freezer:/a:b\n2:cpu,cpuacct:/c d\n';
  t.equal(parseCgroup2(`${text}0::/user.slice/x:y (deleted)\n`), '/user.slice/x:y');
  t.equal(parseCgroup2(text), undefined);
  t.ok(readCgroup2('self'));
  t.equal(readCgroup2(nobody), undefined);
  t.end();
});

t.test('namespaces: by inode; of a process that is gone none', (t) => {
  t.equal(parseNamespaceLink('pid:[4026531836]'), 4026531836);
  t.equal(parseNamespaceLink(''), undefined);
  t.same(readNamespaces('self'), readNamespaces(process.pid));
  t.ok((readNamespaces('self')?.net ?? 0) > 0);
  t.equal(readNamespaces(nobody), undefined);
  t.end();
});

t.test('auxv: the entries of the process itself', (t) => {
  const [atPagesz, atSysinfoEhdr, absent] = [6, 33, 9999];
  const auxv = readAuxv('self') ?? new Uint8Array();
  t.equal(auxvValue(auxv, atPagesz), 4096n);
  t.ok((auxvValue(auxv, atSysinfoEhdr) ?? 0n) > 0n);
  t.equal(auxvValue(auxv, absent), undefined);
  t.end();
});

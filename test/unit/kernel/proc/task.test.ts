// What /proc says of who a process or thread is: real texts of Linux 6.1 and 6.18.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import t from 'tap';
import { readAuxv } from '../../../../src/kernel/proc/auxv.ts';
import { readComm } from '../../../../src/kernel/proc/comm.ts';
import { readLimits } from '../../../../src/kernel/proc/limits.ts';
import { parseStat, readStat } from '../../../../src/kernel/proc/stat.ts';
import { parseStatus, readStatus } from '../../../../src/kernel/proc/status.ts';
import { readTids } from '../../../../src/kernel/proc/task.ts';

const nobody = 2 ** 22; // past PID_MAX_LIMIT

t.test('stat: a name may hold parentheses, spaces, backslashes and newlines', (t) => {
  const stat = parseStat(
    '19717 (a) \nb\\ (Z 1) S 1 19684 2420 34816 -1 4194304 126 0 0 0 7 9 0 0 20 -5 3 0 246698 2564096 305 ' +
      '18446744073709551615 94393484673024 94393484675425 140731497275744 0 0 0 0 6 0 1 0 0 17 1 50 2 0 0 0 ' +
      '94393484684752 94393484685608 94394044416000 140731497278188 140731497278197 140731497278197 140731497279471 768\n',
  );
  t.same(stat, {
    pid: 19717,
    comm: 'a) \nb\\ (Z 1',
    state: 'S',
    ppid: 1,
    pgrp: 19684,
    session: 2420,
    ttyNr: 34816,
    tpgid: -1,
    flags: 4194304,
    utime: 7,
    stime: 9,
    priority: 20,
    nice: -5,
    numThreads: 3,
    startTime: 246698,
    startCode: 94393484673024,
    endCode: 94393484675425,
    startStack: 140731497275744,
    exitSignal: 17,
    processor: 1,
    rtPriority: 50,
    policy: 2,
    startData: 94393484684752,
    endData: 94393484685608,
    startBrk: 94394044416000,
    argStart: 140731497278188,
    argEnd: 140731497278197,
    envStart: 140731497278197,
    envEnd: 140731497279471,
    exitCode: 768,
  });
  t.end();
});

const status618 = String.raw`Name:	a) \nb\\ (Z 1
Umask:	0027
State:	t (tracing stop)
Tgid:	19717
Ngid:	0
Pid:	19718
PPid:	1
TracerPid:	77
Uid:	1000	1001	1002	1003
Gid:	100	101	102	103
FDSize:	256
Groups:	4 24 65534 
NStgid:	19717	12	1
NSpid:	19718	13	2
NSpgid:	19684	0	0
NSsid:	2420	0	0
Kthread:	0
VmPeak:	    3060 kB
VmSize:	    3060 kB
VmLck:	       8 kB
VmRSS:	    1668 kB
RssAnon:	     112 kB
RssFile:	    1556 kB
RssShmem:	       4 kB
VmSwap:	       0 kB
HugetlbPages:	       0 kB
CoreDumping:	0
THP_enabled:	1
Threads:	2
SigQ:	3/96343
SigPnd:	8000000000000000
ShdPnd:	0000000000000001
SigBlk:	fffffffe7ffbfeff
SigIgn:	0000000000000006
SigCgt:	0000000000000000
CapInh:	0000000000000000
CapPrm:	000001fffeffffff
CapEff:	000001fffeffffff
CapBnd:	000001fffeffffff
CapAmb:	0000000000000000
NoNewPrivs:	1
Seccomp:	2
Seccomp_filters:	3
Cpus_allowed:	3
Cpus_allowed_list:	0-1
Mems_allowed_list:	0
`;

t.test('status: identity, credentials and masks of a traced thread in nested namespaces', (t) => {
  const status = parseStatus(status618);
  t.match(status, {
    name: 'a) \nb\\ (Z 1',
    umask: 0o27,
    state: 't',
    tgid: 19717,
    pid: 19718,
    ppid: 1,
    tracerPid: 77,
    uid: [1000, 1001, 1002, 1003],
    gid: [100, 101, 102, 103],
    groups: [4, 24, 65534],
    nsTgid: [19717, 12, 1],
    nsPid: [19718, 13, 2],
    nsPgid: [19684, 0, 0],
    nsSid: [2420, 0, 0],
    kthread: false,
    vmSizeKb: 3060,
    vmRssKb: 1668,
    vmLckKb: 8,
    rssAnonKb: 112,
    rssShmemKb: 4,
    thpEnabled: true,
    threads: 2,
    sigQ: [3, 96343],
    noNewPrivs: true,
    seccomp: 2,
    seccompFilters: 3,
    cpusAllowedList: '0-1',
    memsAllowedList: '0',
  });
  t.equal(status.sigPnd, 1n << 63n, 'signal 64');
  t.equal(status.shdPnd, 1n);
  t.equal(status.sigBlk, 0xfffffffe7ffbfeffn);
  t.equal(status.capPrm, 0x1fffeffffffn);
  t.end();
});

t.test('status: what a zombie, a kernel thread or Linux 6.1 does not show is absent, not wrong', (t) => {
  const dropped = /^(Umask|Ngid|Kthread|Vm|Rss|Huge|Core|THP|Seccomp_filters|NS)/;
  const text = status618
    .split('\n')
    .filter((line) => !dropped.test(line))
    .map((line) => (line.startsWith('Groups') ? 'Groups:\t ' : line))
    .join('\n');
  const status = parseStatus(text);
  for (const key of [
    'umask',
    'ngid',
    'kthread',
    'vmSizeKb',
    'vmRssKb',
    'rssAnonKb',
    'thpEnabled',
    'coreDumping',
  ]) {
    t.notOk(key in status, key);
  }
  t.match(status, {
    nsPid: [19718],
    nsTgid: [19717],
    nsPgid: [],
    seccompFilters: 0,
    groups: [],
    vmSizeKb: undefined,
  });
  t.end();
});

t.test('status: a name keeps the spaces at its ends', (t) => {
  t.equal(parseStatus('Name:\t two  \nState:\tR (running)\n').name, ' two  ');
  t.end();
});

t.test('stat and status of this process agree with what Node knows', (t) => {
  const [stat, status] = [readStat('self'), readStatus(process.pid)];
  t.match(stat, { pid: process.pid, ppid: process.ppid });
  t.match(status, { pid: process.pid, tgid: process.pid, ppid: process.ppid });
  t.equal(status?.uid[1], process.geteuid?.());
  t.equal(stat?.comm, status?.name);
  const tids = readTids('self') ?? [];
  t.ok(tids.length > 1 && tids.includes(process.pid));
  t.equal(stat?.numThreads, tids.length);
  t.match(readStatus(process.pid, tids.at(-1)), { tgid: process.pid, pid: tids.at(-1) });
  t.equal(readStat(process.pid, nobody), undefined, 'no such thread');
  t.end();
});

t.test('a name of parentheses and newlines is the same in comm, stat and status', async (t) => {
  const name = 'a) \nb\\ (Z 1';
  // Only a process itself may write its name.
  const script = `require('fs').writeFileSync('/proc/self/comm', process.argv[1]); console.log('ready'); process.stdin.read()`;
  const child = spawn(process.execPath, ['-e', script, name]);
  t.teardown(() => child.kill());
  await once(child.stdout, 'data');
  const pid = child.pid ?? 0;
  t.equal(readComm(pid), name);
  t.equal(readStat(pid)?.comm, name);
  t.equal(readStatus(pid)?.name, name);
  child.kill('SIGKILL');
  const [, signal] = (await once(child, 'exit')) as [null, string];
  t.equal(signal, 'SIGKILL');
  t.equal(readStat(pid), undefined, 'gone is a return value');
  t.equal(readStatus(pid), undefined);
  t.equal(readLimits(pid), undefined);
  t.equal(readComm(pid), undefined);
  t.equal(readTids(pid), undefined);
  t.equal(readAuxv(pid), undefined);
});

t.test('a file that this kernel does not have is an error that says so', async (t) => {
  const { readProcText } = await import('../../../../src/kernel/proc/read-proc.ts');
  t.throws(() => readProcText('self', 'no-such-file'), { code: 'UNSUPPORTED', message: /no-such-file/ });
  t.throws(() => readProcText('self', 'task'), {
    code: 'SYSCALL',
    cause: { errno: -constants.errno.EISDIR },
  });
});

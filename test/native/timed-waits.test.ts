// Time limits are read from threads that run: what stands in their memory need not be one any more.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import t from 'tap';
import type { Test } from 'tap';
import { readStat } from '../../src/kernel/proc/stat.ts';
import { readSyscall } from '../../src/kernel/proc/syscall.ts';
import { syscalls } from '../../src/kernel/syscalls.ts';
import { native } from '../../src/native.ts';
import { registerIndex } from '../../src/native-process.ts';
import { forEver } from '../../src/source/state/syscall-restart.ts';
import { durationOf, TimedWaits } from '../../src/source/state/timed-waits.ts';
import { readSourceTree } from '../../src/source/tree.ts';
import { nsPerSec } from '../../src/units.ts';
import { sleep, until } from '../helpers/commands.ts';

const skip = process.geteuid?.() === 0 ? false : 'reading the memory of others needs root';

/** Sleeps for 1000 s in nanosleep(2), and says where its time limit stands. */
const sleeper = [
  'import ctypes',
  'limit=(ctypes.c_int64*2)(1000,0)',
  'print(ctypes.addressof(limit),flush=True)',
  'libc=ctypes.CDLL(None)',
  'libc.syscall(35,limit,None)',
].join('\n');

async function untilAsleep(pid: number): Promise<void> {
  await until('it sleeps', () => {
    const blocked = readSyscall(pid);
    return blocked?.kind === 'syscall' && blocked.nr === syscalls.nanosleep;
  });
}

async function startSleeper(t: Test): Promise<{ pid: number; limitAt: number }> {
  const child = spawn('/usr/bin/python3', ['-c', sleeper], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  const pid = child.pid ?? 0;
  await untilAsleep(pid);
  return { pid, limitAt: Number(said.toString()) };
}

function writeLimit(pid: number, at: number, seconds: bigint, nanoseconds: bigint): void {
  const bytes = new Uint8Array(BigInt64Array.of(seconds, nanoseconds).buffer);
  native.writeMemory(pid, Float64Array.of(at, 16), 1, bytes);
}

void t.test('what is no time limit is none', { skip }, async (t) => {
  const { pid, limitAt } = await startSleeper(t);
  const limit = (): bigint | undefined => durationOf(pid, [BigInt(syscalls.nanosleep), BigInt(limitAt)]);
  t.equal(limit(), 1000n * nsPerSec);
  writeLimit(pid, limitAt, 3n, 5n);
  t.equal(limit(), 3n * nsPerSec + 5n);
  writeLimit(pid, limitAt, 3n, nsPerSec);
  t.equal(limit(), undefined, 'too many nanoseconds');
  writeLimit(pid, limitAt, -1n, 0n);
  t.equal(limit(), undefined, 'before the beginning');
  writeLimit(pid, limitAt, 94_100_910_614_578n, 0n);
  t.equal(limit(), 2n ** 63n - 1n, 'for ever, as far as the kernel counts');
});

void t.test('a wait never ends later than its limit from the freeze on', { skip }, async (t) => {
  const { pid, limitAt } = await startSleeper(t);
  const waits = new TimedWaits();
  waits.sample(readSourceTree(pid));
  const registers = new BigUint64Array(27);
  registers[registerIndex.origRax] = BigInt(syscalls.nanosleep);
  registers[registerIndex.rdi] = BigInt(limitAt);
  const frozen = process.hrtime.bigint();
  waits.freezeBegins();
  const known = waits.atStop(pid, pid, registers);
  const begun = (known?.deadline ?? 0n) - 1000n * nsPerSec;
  t.ok(begun < frozen && begun > frozen - 60n * nsPerSec, 'it began when the thread went to sleep');
  writeLimit(pid, limitAt, 5n, 0n); // as if it had woken and slept again
  const again = waits.atStop(pid, pid, registers)?.deadline ?? 0n;
  t.ok(again >= frozen + 5n * nsPerSec && again < frozen + 6n * nsPerSec, 'another wait since');
});

/** Waits in futex(2), FUTEX_WAIT_BITSET, until CLOCK_MONOTONIC is at 1,000,000 s. */
const waiter = [
  'import ctypes',
  'word,limit=ctypes.c_int(0),(ctypes.c_int64*2)(1000000,0)',
  'ctypes.CDLL(None).syscall(202,ctypes.byref(word),9|128,0,limit,None,-1)',
].join('\n');

void t.test(
  'a futex wait until a point in time that was interrupted has only to be made again',
  { skip },
  async (t) => {
    const child = spawn('/usr/bin/python3', ['-c', waiter], { stdio: 'ignore' });
    t.teardown(() => child.kill('SIGKILL'));
    const pid = child.pid ?? 0;
    const isIn = (call: number) => (): boolean => {
      const blocked = readSyscall(pid);
      return blocked?.kind === 'syscall' && blocked.nr === call;
    };
    await until('it waits', isIn(syscalls.futex));
    child.kill('SIGSTOP');
    await until('it is stopped', () => readStat(pid)?.state === 'T');
    child.kill('SIGCONT');
    await until('it goes on', isIn(syscalls.restart_syscall));
    const waits = new TimedWaits();
    waits.sample(readSourceTree(pid));
    const registers = new BigUint64Array(27);
    registers[registerIndex.origRax] = BigInt(syscalls.restart_syscall);
    t.match(waits.atStop(pid, pid, registers), { syscall: syscalls.futex, deadline: forEver });
  },
);

/** Says on which CPU it is, and when it begins to sleep. */
const pinned = [
  'import ctypes,os,sys,time',
  'os.sched_setaffinity(0,{int(sys.argv[1])})',
  'limit=(ctypes.c_int64*2)(1000,0)',
  'libc=ctypes.CDLL(None)',
  'print(time.clock_gettime_ns(time.CLOCK_MONOTONIC),flush=True)',
  'libc.syscall(35,limit,None)',
].join('\n');

// Two CPUs' run queues have clocks that are seconds apart where a hypervisor takes more from one than from the other.
void t.test('when a wait began is known on every CPU', { skip }, async (t) => {
  const allowed = /^Cpus_allowed_list:\t(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  const cpus = allowed.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
  t.ok(cpus.length > 0);
  for (const cpu of cpus.slice(0, 8)) {
    const child = spawn('/usr/bin/python3', ['-c', pinned, String(cpu)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.teardown(() => child.kill('SIGKILL'));
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    const pid = child.pid ?? 0;
    await untilAsleep(pid);
    await sleep(300); // who takes it to begin when it is looked at is found out
    const waits = new TimedWaits();
    waits.sample(readSourceTree(pid));
    const registers = new BigUint64Array(27);
    registers[registerIndex.origRax] = BigInt(syscalls.restart_syscall);
    const began = (waits.atStop(pid, pid, registers)?.deadline ?? 0n) - 1000n * nsPerSec;
    const lateMs = Number(began - BigInt(said.toString().trim())) / 1e6;
    t.ok(lateMs >= 0, `CPU ${cpu}: never taken to have begun earlier: ${lateMs} ms late`);
    t.ok(lateMs < 250, `nor when it was looked at, but when it did: ${lateMs} ms late`);
  }
});

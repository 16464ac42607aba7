import t from 'tap';
import { syscalls } from '../../../src/kernel/syscalls.ts';
import { registerCount, registerIndex as r } from '../../../src/native-process.ts';
import { forEver, prepareRestart } from '../../../src/source/state/syscall-restart.ts';

/** A thread stopped behind its `syscall` instruction. */
function stopped(
  call: number,
  result: bigint,
  rest: Partial<Record<keyof typeof r, bigint>> = {},
): BigUint64Array {
  const registers = new BigUint64Array(registerCount);
  registers[r.origRax] = BigInt.asUintN(64, BigInt(call));
  registers[r.rax] = BigInt.asUintN(64, result);
  registers[r.rip] = 0x1002n;
  for (const [name, value] of Object.entries(rest)) registers[r[name as keyof typeof r]] = value;
  return registers;
}

void t.test('a thread outside of system calls is left as it is', (t) => {
  const before = stopped(-1, -516n);
  t.same(prepareRestart(before, false, undefined), { registers: before });
  t.end();
});

void t.test('what the kernel restarts by signals travels as it is', (t) => {
  for (const result of [-512n, -513n, -514n]) {
    const before = stopped(syscalls.read, result);
    t.same(prepareRestart(before, false, undefined).registers, before);
  }
  t.end();
});

void t.test('epoll_wait that a stop has ended is made again', (t) => {
  const { registers } = prepareRestart(stopped(syscalls.epoll_wait, -4n), false, undefined);
  t.equal(registers[r.rip], 0x1000n);
  t.equal(registers[r.rax], BigInt(syscalls.epoll_wait));
  t.equal(registers[r.origRax], 0xffff_ffff_ffff_ffffn);
  t.end();
});

void t.test('epoll_wait keeps its EINTR when a handler is due, or SIGSTOP has ended it', (t) => {
  const before = stopped(syscalls.epoll_wait, -4n);
  t.same(prepareRestart(before, true, undefined).registers, before);
  t.end();
});

void t.test('a call that may not be repeated keeps its EINTR', (t) => {
  const before = stopped(syscalls.close, -4n);
  t.same(prepareRestart(before, false, undefined).registers, before);
  t.end();
});

void t.test('a timed wait travels with its end, also when it was being restarted already', (t) => {
  const wait = { syscall: syscalls.nanosleep, deadline: 123n };
  for (const call of [syscalls.nanosleep, syscalls.restart_syscall]) {
    const result = prepareRestart(stopped(call, -516n), false, wait);
    t.equal(result.registers[r.origRax], BigInt(syscalls.nanosleep));
    t.equal(result.registers[r.rip], 0x1002n);
    t.same(result.wait, wait);
  }
  t.end();
});

void t.test('a futex wait until a point in time is made again', (t) => {
  const waitBitset = 9n;
  const { registers, wait } = prepareRestart(
    stopped(syscalls.futex, -516n, { rsi: waitBitset }),
    false,
    undefined,
  );
  t.equal(registers[r.rip], 0x1000n);
  t.equal(wait, undefined);
  t.end();
});

void t.test('a sleep whose end nobody knows is slept again, never cut short', (t) => {
  const { registers, wait } = prepareRestart(stopped(syscalls.nanosleep, -516n), false, undefined);
  t.equal(registers[r.rip], 0x1000n);
  t.equal(registers[r.rax], BigInt(syscalls.nanosleep));
  t.equal(wait, undefined);
  t.end();
});

void t.test('a poll without a limit that was stopped before is made again as a poll', (t) => {
  const wait = { syscall: syscalls.poll, deadline: forEver };
  const before = stopped(syscalls.restart_syscall, -516n);
  const { registers, wait: primed } = prepareRestart(before, false, wait);
  t.equal(registers[r.rip], 0x1000n);
  t.equal(registers[r.rax], BigInt(syscalls.poll));
  t.equal(primed, undefined, 'the target has no time to keep');
  t.same(prepareRestart(before, true, wait).registers[r.rip], 0x1002n, 'a handler that is due ends it');
  t.end();
});

void t.test('a futex wait until a point in time is made again, whatever has stopped it before', (t) => {
  const wait = { syscall: syscalls.futex, deadline: forEver };
  for (const deliverable of [false, true]) {
    const result = prepareRestart(stopped(syscalls.restart_syscall, -516n), deliverable, wait);
    t.equal(result.registers[r.rip], 0x1000n);
    t.equal(result.registers[r.rax], BigInt(syscalls.futex));
    t.equal(result.wait, undefined);
  }
  t.end();
});

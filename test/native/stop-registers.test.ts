// A thread that a stop interrupts in epoll_wait: what it was in is known although programs have run in it since, and it waits on afterwards.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { LiveProcess } from '../../src/kernel/live-process.ts';
import { Program } from '../../src/kernel/program.ts';
import { readSyscall } from '../../src/kernel/proc/syscall.ts';
import { stopTasks } from '../../src/kernel/stopped.ts';
import { syscalls } from '../../src/kernel/syscalls.ts';
import { native } from '../../src/native.ts';
import { registerCount, registerIndex as r } from '../../src/native-process.ts';
import { StopRegisters } from '../../src/source/state/stop-registers.ts';
import { until } from '../helpers/commands.ts';

const skip = process.getuid?.() === 0 ? false : 'ptrace and map_files need root';
const eintr = -4n;
const signed = (word: bigint | undefined): bigint => BigInt.asIntN(64, word ?? 0n);

void t.test('programs do not hide which call a stop has interrupted', { skip }, async (t) => {
  const waiter = spawn('python3', ['-c', 'import select; select.epoll().poll(60)'], { stdio: 'ignore' });
  const ended = once(waiter, 'exit');
  t.teardown(async () => {
    waiter.kill('SIGKILL');
    await ended;
  });
  const pid = waiter.pid ?? 0;
  const waits = (): boolean => {
    const blocked = readSyscall(pid, pid);
    return blocked?.kind === 'syscall' && blocked.nr === syscalls.epoll_wait;
  };
  await until('it waits', waits);
  const registers = new StopRegisters();
  {
    using _stopped = stopTasks([pid]);
    registers.take([pid, 0x3f_fff0]);
    const live = LiveProcess.open(pid, pid);
    live.run(new Program());
    const now = new BigUint64Array(registerCount);
    t.equal(native.getRegs(pid, now), 0);
    t.equal(signed(now[r.origRax]), -1n, 'it looks as if it had been in no call');
    live.close();
  }
  const before = registers.of(pid);
  t.equal(signed(before?.[r.origRax]), BigInt(syscalls.epoll_wait));
  t.equal(signed(before?.[r.rax]), eintr);
  t.equal(before?.[r.r10], 60_000n, 'and how long it was to last');
  t.equal(registers.of(0x3f_fff0), undefined, 'who is not there has none');
  await until('it waits on', waits);
});

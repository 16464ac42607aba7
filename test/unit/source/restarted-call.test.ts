// Which call a thread in restart_syscall(2) goes on with, from where it sleeps and from its arguments.
import t from 'tap';
import { syscalls } from '../../../src/kernel/syscalls.ts';
import { callOf, remainderOf } from '../../../src/source/state/restarted-call.ts';

const stack = 0x7ffe_1000_0000n;

await t.test('the four calls that are restarted are told apart', (t) => {
  t.equal(callOf('poll_schedule_timeout.constprop.0', [0n]), syscalls.poll);
  t.equal(callOf('futex_do_wait', [stack]), syscalls.futex, 'Linux 6.18');
  t.equal(callOf('futex_wait_queue', [stack]), syscalls.futex, 'Linux 6.1');
  t.equal(callOf('do_syscall_64', [stack]), syscalls.nanosleep);
  t.equal(callOf('hrtimer_nanosleep', [7n]), syscalls.clock_nanosleep, 'CLOCK_BOOTTIME');
  t.equal(callOf('0', [BigInt.asUintN(64, -6n)]), syscalls.clock_nanosleep, "a process's CPU clock");
  t.equal(callOf('', [BigInt.asUintN(32, -6n)]), syscalls.clock_nanosleep, 'the same as an int');
  t.equal(callOf('0', [0x7ffe_ffff_f000n]), syscalls.nanosleep, 'an address is no clock');
  t.end();
});

await t.test('the kernel has written what is left where the program asked for it', (t) => {
  t.equal(remainderOf(syscalls.nanosleep, [stack, stack + 16n]), stack + 16n);
  t.equal(remainderOf(syscalls.nanosleep, [stack, 0n]), undefined);
  t.equal(remainderOf(syscalls.clock_nanosleep, [0n, 0n, stack, stack + 16n]), stack + 16n);
  t.equal(remainderOf(syscalls.poll, [stack, stack, 5n, stack]), undefined);
  t.end();
});

// A thread that was stopped in a relative timed wait goes on in restart_syscall(2) (219). Only four calls end there, all
// with their arguments still in place, and where the thread sleeps (/proc/PID/task/TID/wchan) tells which:
//
//   poll_schedule_timeout            poll
//   futex_do_wait, futex_wait_queue  futex (FUTEX_WAIT)
//   anything else                    nanosleep (address, address) or clock_nanosleep (clock, flags, address, address)
//
// Source: set_restart_fn() in kernel/futex/, fs/select.c, kernel/time/ (6.1, 6.12, 6.18).
import { readProcText } from '../../kernel/proc/read-proc.ts';
import { syscalls } from '../../kernel/syscalls.ts';

/** No address lies below (vm.mmap_min_addr, one page at least); a clock ID is small, or negative as an int. */
const lowestAddress = 4096n;

/** The number of the call that is restarted. `args`: its six arguments. */
export function restartedCall(pid: number, tid: number, args: readonly bigint[]): number {
  return callOf(readProcText(pid, 'wchan', tid) ?? '', args);
}

/** Pure part of restartedCall. */
export function callOf(wchan: string, [arg0 = 0n]: readonly bigint[]): number {
  if (wchan.includes('poll')) return syscalls.poll;
  if (wchan.includes('futex')) return syscalls.futex;
  const isClock =
    arg0 < lowestAddress || isSmallNegative(BigInt.asIntN(64, arg0)) || isSmallNegative(arg0 - (1n << 32n));
  return isClock ? syscalls.clock_nanosleep : syscalls.nanosleep;
}

/** A clock of a process or thread: the complement of its ID, shifted (clock_getcpuclockid(3)), as a long or as an int. */
const isSmallNegative = (value: bigint): boolean => value < 0n && value >= -(1n << 26n);

/**
 * Where the kernel has written, when it interrupted the sleep, how much of it was left (nanosleep(2), `rem`); undefined when
 * the program did not ask.
 */
export function remainderOf(call: number, args: readonly bigint[]): bigint | undefined {
  const address =
    call === syscalls.nanosleep ? args[1] : call === syscalls.clock_nanosleep ? args[3] : undefined;
  return address === 0n ? undefined : address;
}

// Interrupted system calls: what a stop makes of them, and what the target has to do so that nothing shows.
//
//   rax            orig_rax      meaning                           what travels
//   -512 -513 -514 the call      restart as signals decide         as it is: the target's kernel decides
//   -516           the call      timed wait, absolute in kernel    as it is + when it ends (the target primes it)
//   -4 (EINTR)     epoll_wait... the stop ended it (signal(7))     issued again (rip on `syscall`), when no signal is due
//
// After a look at a live thread its call is restart_syscall(2) (219): which one that was is known from before.
import { registerIndex as r } from '../../native-process.ts';
import { syscalls } from '../../kernel/syscalls.ts';

const restartBlock = -516n;
const interrupted = -4n;
const syscallLength = 2n;

/** KTIME_MAX: as far as the kernel's own clock goes, and longer than it lets anybody wait. */
export const forEver = 2n ** 63n - 1n;

/** What a thread was waiting for before anything was stopped. */
export interface TimedWait {
  readonly syscall: number;
  /** When it ends, on CLOCK_MONOTONIC of the tree, nanoseconds. */
  readonly deadline: bigint;
}

export interface Restart {
  readonly registers: BigUint64Array;
  readonly wait?: TimedWait;
}

/** signal(7): calls that fail with EINTR after a stop although no handler ran; sockets when they have a timeout. */
const failsAfterStop = new Set<number>([
  syscalls.epoll_wait,
  syscalls.epoll_pwait,
  syscalls.epoll_pwait2,
  65, // semop
  220, // semtimedop
  syscalls.rt_sigtimedwait,
  208, // io_getevents
  333, // io_pgetevents
  syscalls.read,
  syscalls.accept,
  288, // accept4
  syscalls.recvfrom,
  syscalls.recvmsg,
  299, // recvmmsg
  syscalls.sendto,
  syscalls.sendmsg,
]);

/**
 * Pure: registers of a stopped thread → what travels. `deliverable`: EINTR is what the program is to see, for a signal is
 * pending that a handler will take, or SIGSTOP and its kin have stopped it (signal(7)).
 */
export function prepareRestart(
  stopped: BigUint64Array,
  deliverable: boolean,
  timedWait: TimedWait | undefined,
): Restart {
  const registers = stopped.slice();
  const rax = BigInt.asIntN(64, stopped[r.rax] ?? 0n);
  const call = BigInt.asIntN(64, stopped[r.origRax] ?? -1n);
  if (call < 0n) return { registers };
  if (rax === interrupted && failsAfterStop.has(Number(call)) && !deliverable) {
    const again = issueAgain(stopped, call);
    return timedWait === undefined ? { registers: again } : { registers: again, wait: timedWait };
  }
  if (rax === restartBlock && isAbsoluteFutexWait(stopped)) return { registers: issueAgain(stopped, call) };
  const isFutex = timedWait?.syscall === syscalls.futex; // made again it ends when it would have, with a handler before it
  if (rax === restartBlock && timedWait?.deadline === forEver && (!deliverable || isFutex))
    return { registers: issueAgain(stopped, BigInt(timedWait.syscall)) };
  if (rax === restartBlock && timedWait !== undefined) {
    // A handler that is due ends the wait: the kernel turns -516 into EINTR by itself.
    registers[r.origRax] = BigInt(timedWait.syscall);
    return { registers, wait: timedWait };
  }
  if (rax === restartBlock && Number(call) !== syscalls.restart_syscall)
    return { registers: issueAgain(stopped, call) };
  return { registers };
}

/** Registers with which the thread makes its call once more. */
function issueAgain(stopped: BigUint64Array, call: bigint): BigUint64Array {
  const registers = stopped.slice();
  registers[r.rip] = (stopped[r.rip] ?? 0n) - syscallLength;
  registers[r.rax] = BigInt.asUintN(64, call);
  registers[r.origRax] = BigInt.asUintN(64, -1n);
  return registers;
}

/** FUTEX_WAIT_BITSET and its kin take a point in time: asking again loses nothing. */
function isAbsoluteFutexWait(stopped: BigUint64Array): boolean {
  const call = Number(BigInt.asIntN(64, stopped[r.origRax] ?? 0n));
  return call === syscalls.futex && isAbsoluteFutex(stopped[r.rsi]);
}

/** By the second argument of futex(2): any operation but FUTEX_WAIT. */
export function isAbsoluteFutex(operation = 0n): boolean {
  return (operation & 0x7fn) !== 0n;
}

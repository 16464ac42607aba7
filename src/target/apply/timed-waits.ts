// Threads that the freeze interrupted in a wait with a time limit. The kernel keeps what is left of such a wait where
// nobody can write (the restart block), so the thread makes the call again here, with what is left, and is interrupted
// in it: then the kernel of this host knows when the wait ends. A call that comes back at once has its result.
import { GodwitError } from '../../errors.ts';
import type { ThreadImage } from '../../images/thread.ts';
import { pause } from '../../kernel/pause.ts';
import { errnoName } from '../../kernel/program.ts';
import { syscalls } from '../../kernel/syscalls.ts';
import { registerCount, registerIndex as r } from '../../native-process.ts';
import { native } from '../../native.ts';
import { nsPerSec } from '../../units.ts';
import type { ScratchMemory } from '../scratch.ts';

const restartBlock = -516n;
const millisecond = 1_000_000n;
/** A stop takes microseconds; on a busy host a thread may wait for its CPU for seconds. */
const stopMs = 30_000;
/** Calls that take a struct timespec, and the register that points to it. */
const timespecs: ReadonlyMap<number, number> = new Map([
  [syscalls.nanosleep, r.rdi],
  [syscalls.clock_nanosleep, r.rdx],
  [syscalls.futex, r.r10],
]);
/** Calls that take milliseconds, and the register that holds them. */
const milliseconds: ReadonlyMap<number, number> = new Map([
  [syscalls.poll, r.rdx],
  [syscalls.epoll_wait, r.r10],
  [syscalls.epoll_pwait, r.r10],
]);

export interface WaitingThread {
  /** As the agent sees it. */
  readonly tid: number;
  readonly wait: NonNullable<ThreadImage['wait']>;
  /** As they will be set; changed in place. */
  readonly registers: BigUint64Array;
}

/** `now`: the tree's CLOCK_MONOTONIC. Preconditions: scratch memory is mapped; no program runs afterwards in these threads. */
export function primeTimedWaits(
  threads: readonly WaitingThread[],
  scratch: ScratchMemory,
  now: () => bigint,
): void {
  const interrupted: WaitingThread[] = [];
  for (const thread of threads) {
    if (isRestarting(thread.registers)) interrupted.push(thread);
    else shorten(thread, now());
  }
  for (let i = 0; i < interrupted.length; i += 1000) waitAgain(interrupted.slice(i, i + 1000), scratch, now);
}

/** The kernel will go on with the call by restart_syscall(2), for it keeps the rest of the time. */
export const isRestarting = (registers: BigUint64Array): boolean =>
  BigInt.asIntN(64, registers[r.rax] ?? 0n) === restartBlock;

/** A call that will be issued again as a whole: its time limit stands in a register. */
function shorten({ wait, registers }: WaitingThread, now: bigint): void {
  const register = milliseconds.get(wait.syscall);
  if (register !== undefined) registers[register] = millisecondsLeft(wait.deadline - now);
}

function waitAgain(threads: readonly WaitingThread[], scratch: ScratchMemory, now: () => bigint): void {
  const snippet = scratch.syscallSnippet();
  for (const thread of threads) {
    expect(thread, native.setRegs(thread.tid, callRegisters(thread, snippet, scratch, now())));
  }
  // Interrupted too early, a thread has not made its call yet: once more, with more patience.
  let waiting = threads;
  for (let patienceMs = 0.1; waiting.length > 0; patienceMs *= 2) {
    for (const { tid } of waiting) native.cont(tid, 0);
    pause(patienceMs);
    for (const { tid } of waiting) native.interrupt(tid);
    waiting = waiting.filter((thread) => !hasCalled(thread, snippet));
  }
  scratch.forgetPlaced();
}

function callRegisters(
  { wait, registers }: WaitingThread,
  snippet: number,
  scratch: ScratchMemory,
  now: bigint,
): BigUint64Array {
  const call = registers.slice();
  const left = wait.deadline > now ? wait.deadline - now : 1n;
  const [timespec, number] = [timespecs.get(wait.syscall), milliseconds.get(wait.syscall)];
  if (timespec !== undefined) {
    const words = BigInt64Array.of(left / nsPerSec, left % nsPerSec);
    call[timespec] = BigInt(scratch.place(new Uint8Array(words.buffer)));
  } else if (number !== undefined) call[number] = millisecondsLeft(left);
  call[r.rip] = BigInt(snippet);
  call[r.rax] = BigInt(wait.syscall);
  call[r.origRax] = BigInt.asUintN(64, -1n);
  return call;
}

/** Looks at a stopped thread; what came back becomes its result. */
function hasCalled(thread: WaitingThread, snippet: number): boolean {
  const { tid, registers } = thread;
  const { kind } = native.waitStop(tid, stopMs);
  if (kind !== 'stopped')
    throw new GodwitError('NO_PROCESS', `thread ${tid} does not stop in its wait (${kind})`);
  const seen = new BigUint64Array(registerCount);
  expect(thread, native.getRegs(tid, seen));
  if (seen[r.rip] === BigInt(snippet)) return false;
  const result = BigInt.asIntN(64, seen[r.rax] ?? 0n);
  if (result === restartBlock) return true;
  registers[r.rax] = BigInt.asUintN(64, result);
  if (result > -512n || result < -516n) registers[r.origRax] = BigInt.asUintN(64, -1n);
  return true;
}

function millisecondsLeft(nanoseconds: bigint): bigint {
  return nanoseconds <= 0n ? 0n : (nanoseconds + millisecond - 1n) / millisecond;
}

function expect({ tid }: WaitingThread, result: number): void {
  if (result < 0) throw new GodwitError('NO_PROCESS', `thread ${tid} is lost: ${errnoName(result)}`);
}

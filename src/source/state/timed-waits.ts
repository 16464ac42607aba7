// Which threads are in a wait with a time limit, and when it ends. The kernel tells nobody when a sleep began, and a stop
// loses it; but a thread that sleeps was last on a CPU when it went to sleep, and /proc/PID/task/TID/sched shows when
// that was (se.exec_start, on the clock of that CPU). So this is read before anything is stopped, and remembered. A wait that
// somebody has interrupted before (an agent, SIGSTOP) began earlier than that: what is not known of it makes it end later,
// never early.
import { isDeepStrictEqual } from 'node:util';
import { readExecStart } from '../../kernel/proc/sched.ts';
import { readStat } from '../../kernel/proc/stat.ts';
import { readSyscall, type BlockedIn } from '../../kernel/proc/syscall.ts';
import { readKnownWaits, type KnownWait } from '../../kernel/known-waits.ts';
import { syscalls } from '../../kernel/syscalls.ts';
import { native } from '../../native.ts';
import { registerIndex as r } from '../../native-process.ts';
import { nsPerSec } from '../../units.ts';
import { SchedulerClocks } from './scheduler-clocks.ts';
import type { SourceProcess } from '../tree.ts';
import { remainderOf, restartedCall } from './restarted-call.ts';
import { forEver, isAbsoluteFutex, type TimedWait } from './syscall-restart.ts';

const timerAbsolute = 1n;
const milliseconds = 1_000_000n;

const waits = new Set<number>([
  syscalls.nanosleep,
  syscalls.clock_nanosleep,
  syscalls.poll,
  syscalls.epoll_wait,
  syscalls.epoll_pwait,
  syscalls.futex,
]);

type BlockedCall = Extract<BlockedIn, { kind: 'syscall' }>;

/** When a thread was looked at, and when and where it had last been put on a CPU then. */
interface Seen {
  readonly now: bigint;
  readonly execStart: number | undefined;
  readonly cpu: number | undefined;
}

/** A wait of `duration` that began when its thread last went off its CPU. */
interface Begun {
  readonly tid: number;
  readonly place: string;
  readonly syscall: number;
  readonly duration: bigint;
  readonly seen: Seen;
}

/** A timed wait is known by its place: the same call with the same arguments, stack and code address. */
interface Known extends TimedWait {
  readonly place: string;
  /** While this stays the same the thread has not run. */
  readonly execStart: number | undefined;
  /** The thread was seen outside of it since: only restart_syscall(2) at that place is the same wait. */
  readonly isDoubtful?: boolean;
}

export class TimedWaits {
  readonly #known = new Map<number, Known>();
  #handedOver: Map<number, KnownWait> | undefined;
  #frozenAt = 0n;
  #standsSince = 0n;

  /** Looks at every thread that runs undisturbed. Call it before each stop. */
  sample(processes: readonly SourceProcess[]): void {
    const begun = processes
      .filter(({ zombie }) => zombie === undefined)
      .flatMap(({ pid, threads }) => threads.map(({ tid }) => this.#look(pid, tid)))
      .filter((wait) => wait !== undefined);
    const clocks = new SchedulerClocks(); // after all threads have been looked at
    for (const { tid, place, syscall, duration, seen } of begun)
      this.#known.set(tid, {
        syscall,
        deadline: atMostForEver(beginOf(seen, duration, clocks) + duration),
        place,
        execStart: seen.execStart,
      });
  }

  /** To be called while these threads are stopped: a wait that began since the last sample is not the one known before. */
  settle(pid: number, tids: readonly number[]): void {
    for (const tid of tids) {
      if (this.#known.get(tid)?.isDoubtful !== true) continue;
      const stoppedIn = readSyscall(pid, tid);
      if (stoppedIn?.kind !== 'syscall' || stoppedIn.nr !== syscalls.restart_syscall) this.#known.delete(tid);
    }
  }

  /** To be called when the freeze begins: waits that end before cannot be the ones that it interrupts. */
  freezeBegins(): void {
    this.#frozenAt = process.hrtime.bigint();
  }

  treeStands(): void {
    this.#standsSince = process.hrtime.bigint();
  }

  /** When the last thread of the tree stood still, by the agent's clock. */
  get standsSince(): bigint {
    return this.#standsSince;
  }

  /**
   * What a stopped thread waits for. One that began its wait between the sample and the freeze (the agent may have been
   * kept from its CPU in between) is taken to have begun when the freeze did: late by that much, but never early.
   */
  atStop(pid: number, tid: number, registers: BigUint64Array): TimedWait | undefined {
    const call = registers[r.origRax] ?? 0n;
    if (BigInt.asIntN(64, call) < 0n) return undefined;
    const known = this.#known.get(tid);
    if (call === BigInt(syscalls.restart_syscall)) return known;
    const args = [r.rdi, r.rsi, r.rdx, r.r10].map((index) => registers[index] ?? 0n);
    const duration = durationOf(pid, [call, ...args]);
    if (duration === undefined) return undefined;
    const latest = atMostForEver(this.#frozenAt + duration);
    const isSame = call === BigInt(known?.syscall ?? -1) && known?.isDoubtful !== true;
    const isPossible = known !== undefined && known.deadline >= this.#frozenAt && known.deadline <= latest;
    return isSame && isPossible ? known : { syscall: Number(call), deadline: latest };
  }

  /** What it is in goes to #known, but for a wait that has begun since: that comes back. */
  #look(pid: number, tid: number): Begun | undefined {
    const before = this.#known.get(tid);
    const first = readSyscall(pid, tid);
    if (!canHaveLimit(first)) {
      if (first?.kind === 'syscall') this.#known.delete(tid);
      else this.#leave(tid, before);
      return undefined;
    }
    const execStart = readExecStart(pid, tid);
    const hasSlept = execStart !== undefined && before?.execStart === execStart;
    if (hasSlept && before.isDoubtful !== true) return undefined;
    const blocked = readSyscall(pid, tid);
    const { processor: cpu, state } = readStat(pid, tid) ?? {};
    const isHeld = state === 't'; // by our own throttle (kernel/throttle.ts), which takes none that waits
    const seen = { execStart, cpu, now: process.hrtime.bigint() };
    const wait = blocked?.kind === 'syscall' ? this.#waitOf(pid, tid, blocked, before, seen) : undefined;
    // A thread that has run meanwhile may have used the memory of its time limit for something else.
    if (isHeld || !isAsBefore(pid, tid, execStart, blocked)) this.#leave(tid, before);
    else if (wait === undefined) this.#known.delete(tid);
    else if ('duration' in wait) return wait;
    else this.#known.set(tid, wait);
    return undefined;
  }

  /** It may just be on its way back into the wait that the last stop has interrupted. */
  #leave(tid: number, before: Known | undefined): void {
    if (before !== undefined) this.#known.set(tid, { ...before, isDoubtful: true });
  }

  #waitOf(
    pid: number,
    tid: number,
    { nr, args, sp, pc }: BlockedCall,
    before: Known | undefined,
    seen: Seen,
  ): Known | Begun | undefined {
    const place = [...args, sp, pc].join(' ');
    const { execStart } = seen;
    const begun = (syscall: number, duration: bigint | undefined): Begun | undefined =>
      duration === undefined ? undefined : { tid, place, syscall, duration, seen };
    // The call itself, at the same place, may be the next round of a loop: only a restarted one is known to be the same.
    if (nr !== syscalls.restart_syscall) return begun(nr, durationOf(pid, [BigInt(nr), ...args]));
    if (before?.place === place && before.deadline > seen.now)
      return { ...before, execStart, isDoubtful: false };
    this.#handedOver ??= readKnownWaits();
    const handed = this.#handedOver.get(tid);
    if (handed !== undefined && handed.execStart === execStart) return { ...handed, place };
    const call = restartedCall(pid, tid, args);
    // Its end is a point in time, which its arguments still name: it has only to be made again.
    const forGood = { syscall: call, deadline: forEver, place, execStart };
    if (call === syscalls.futex && isAbsoluteFutex(args[1])) return forGood;
    const remainder = remainderOf(call, args);
    const left = remainder === undefined ? undefined : readTimespec(pid, remainder);
    const duration = left ?? durationOf(pid, [BigInt(call), ...args]);
    // poll(2) alone goes on by restart_syscall(2) without a limit too (fs/select.c).
    return duration === undefined && call === syscalls.poll ? forGood : begun(call, duration);
  }
}

/** When a wait of this length began: not after the thread was seen in it, nor so long ago that it must be over. */
function beginOf({ now, execStart, cpu }: Seen, duration: bigint, clocks: SchedulerClocks): bigint {
  const slept = execStart === undefined || cpu === undefined ? undefined : clocks.monotonic(cpu, execStart);
  return clamp(slept ?? now, now - duration, now);
}

/** Whether a thread may be in a wait that has a limit: most are in one that has none, and need no closer look. */
function canHaveLimit(blocked: BlockedIn | undefined): boolean {
  return blocked?.kind === 'syscall' && (blocked.nr === syscalls.restart_syscall || waits.has(blocked.nr));
}

/** Whether the thread has slept ever since these were read. */
function isAsBefore(
  pid: number,
  tid: number,
  execStart: number | undefined,
  blocked: BlockedIn | undefined,
): boolean {
  if (execStart !== undefined) return readExecStart(pid, tid) === execStart;
  return isDeepStrictEqual(readSyscall(pid, tid), blocked); // all that is left where the kernel does not tell
}

/** Nanoseconds that a relative timed wait was asked to last; undefined when it has no such limit. */
export function durationOf(pid: number, fields: readonly bigint[]): bigint | undefined {
  const [call = -1n, , arg1 = 0n, arg2 = 0n, arg3 = 0n] = fields;
  switch (Number(call)) {
    case syscalls.nanosleep:
      return readTimespec(pid, fields[1] ?? 0n);
    case syscalls.clock_nanosleep:
      return (arg1 & timerAbsolute) === 0n ? readTimespec(pid, arg2) : undefined;
    case syscalls.poll:
      return timeoutOf(arg2);
    case syscalls.epoll_wait:
    case syscalls.epoll_pwait:
      return timeoutOf(arg3);
    case syscalls.futex:
      return !isAbsoluteFutex(arg1) && arg3 !== 0n ? readTimespec(pid, arg3) : undefined;
    default:
      return undefined;
  }
}

/** An int in milliseconds; negative: for ever. */
function timeoutOf(word: bigint): bigint | undefined {
  const timeout = BigInt.asIntN(32, word);
  return timeout > 0n ? timeout * milliseconds : undefined;
}

/** Undefined for what the kernel does not take either. */
function readTimespec(pid: number, address: bigint): bigint | undefined {
  const words = new BigInt64Array(2);
  const bytes = new Uint8Array(words.buffer);
  if (native.readMemory(pid, Float64Array.of(Number(address), 16), 1, bytes) !== 16) return undefined;
  const [seconds = 0n, nanoseconds = 0n] = words;
  if (seconds < 0n || nanoseconds < 0n || nanoseconds >= nsPerSec) return undefined;
  return atMostForEver(seconds * nsPerSec + nanoseconds);
}

function atMostForEver(time: bigint): bigint {
  return clamp(time, 0n, forEver);
}

function clamp(value: bigint, low: bigint, high: bigint): bigint {
  if (value < low) return low;
  return value > high ? high : value;
}

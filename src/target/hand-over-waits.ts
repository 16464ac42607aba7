// Leaves for the next agent that moves this tree what it cannot read: the timed waits that its threads go on with.
import { readExecStart } from '../kernel/proc/sched.ts';
import { readSyscall } from '../kernel/proc/syscall.ts';
import { writeKnownWaits } from '../kernel/known-waits.ts';
import { syscalls } from '../kernel/syscalls.ts';
import type { WaitingThread } from './apply/timed-waits.ts';

/** A thread that runs again is back in its wait as soon as it gets a CPU; this long it is waited for. */
const patienceMs = 2000;

/** Preconditions: the tree runs. `ahead`: of the tree's CLOCK_MONOTONIC before this host's, nanoseconds. */
export async function handOverWaits(
  dir: string,
  threads: readonly WaitingThread[],
  ahead: bigint,
): Promise<void> {
  const waits = [];
  let left = threads.filter(({ wait }) => wait.deadline - ahead > process.hrtime.bigint());
  for (let waitMs = 1; left.length > 0 && waitMs < patienceMs; waitMs *= 2) {
    const late: WaitingThread[] = [];
    for (const thread of left) {
      const { tid, wait } = thread;
      const blocked = readSyscall(tid);
      // Not thawed yet it still shows the call that it was stopped in.
      const isLate = blocked?.kind === 'syscall' && blocked.nr === wait.syscall;
      if (blocked?.kind === 'running' || isLate) late.push(thread);
      if (blocked?.kind !== 'syscall' || blocked.nr !== syscalls.restart_syscall) continue;
      const execStart = readExecStart(tid, tid);
      if (execStart !== undefined)
        waits.push({ tid, execStart, syscall: wait.syscall, deadline: wait.deadline - ahead });
    }
    left = late;
    if (left.length > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
  if (waits.length > 0) writeKnownWaits(dir, waits);
}

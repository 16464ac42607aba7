// vfork(2) and what glibc makes of it (posix_spawn, popen, system): until the child executes a program or ends both have one
// memory, and the parent waits inside the kernel, in state D, where PTRACE_INTERRUPT cannot stop it. The cgroup freezer takes
// such a parent for frozen all the same (wait_for_vfork_done in kernel/fork.c), so that a frozen cgroup says nothing about it.
import { GodwitError } from '../errors.ts';
import { readStat } from '../kernel/proc/stat.ts';
import { readTids } from '../kernel/proc/task.ts';
import { waitsInVfork, waitsInVforkFrozen } from '../kernel/vfork-wait.ts';
import { share, sharesWithParent } from './sharing.ts';
import type { SourceProcess } from './tree.ts';

export interface Task {
  readonly pid: number;
  readonly tid: number;
  readonly waitsInVfork: boolean;
}

/** The threads of processes. Preconditions: they are frozen. */
export function readTasks(pids: readonly number[]): Task[] {
  return pids.flatMap((pid) =>
    (readTids(pid) ?? []).map((tid) => ({ pid, tid, waitsInVfork: waitsInVforkFrozen(tid) })),
  );
}

export interface VforkTasks {
  /** Stop when the child gives the memory back. */
  readonly waiting: readonly Task[];
  /** Can be stopped now. The children that are waited for are in neither list: they must run. */
  readonly free: readonly Task[];
}

/** Preconditions: the tasks are frozen. */
export function sortByVfork(tasks: readonly Task[]): VforkTasks {
  const lenders = [...new Set(tasks.filter((task) => task.waitsInVfork).map(({ pid }) => pid))];
  if (lenders.length === 0) return { waiting: [], free: tasks };
  const borrowers = new Set(
    [...new Set(tasks.map(({ pid }) => pid))].filter((pid) => isBorrower(pid, lenders)),
  );
  const stoppable = tasks.filter(({ pid }) => !borrowers.has(pid));
  return {
    waiting: stoppable.filter((task) => task.waitsInVfork),
    free: stoppable.filter((task) => !task.waitsInVfork),
  };
}

/** A child that was lent memory may lend it on. */
function isBorrower(pid: number, lenders: readonly number[]): boolean {
  const sharers = lenders.filter((lender) => lender !== pid && share('memory', pid, lender));
  if (sharers.length === 0) return false;
  return !lenders.includes(pid) || sharers.includes(readStat(pid)?.ppid ?? 0);
}

export interface Sharers {
  /** Without processes that have their parent's memory for a moment, and without what descends from them. */
  readonly processes: SourceProcess[];
  /** Those that have their parent's memory and keep it (CLONE_VM), to the process whose memory that is. */
  readonly memoryOf: ReadonlyMap<SourceProcess, SourceProcess>;
  /** Processes that were left out: the next look tells whether they keep it. */
  readonly suspects: ReadonlyMap<number, number>;
}

/**
 * Who has its parent's memory: for a moment (vfork), and is left out, for what is attached to such a one would be attached to the
 * parent; or for good. A parent that does not wait may be about to (the child exists before its parent waits in kernel/fork.c), so it
 * takes two looks, `suspects` from the one before; undefined: the tree is frozen, and nobody waits any more.
 */
export function sortSharers(
  seen: readonly SourceProcess[],
  suspects: ReadonlyMap<number, number> | undefined,
): Sharers {
  const processes = new Set<SourceProcess>();
  const memoryOf = new Map<SourceProcess, SourceProcess>();
  const suspected = new Map<number, number>();
  for (const process of seen) {
    const { parent, pid, startTime } = process;
    if (parent !== undefined && !processes.has(parent)) continue;
    if (process.zombie === undefined && sharesWithParent('memory', process) && parent !== undefined) {
      const mayKeep = suspects === undefined || suspects.get(pid) === startTime;
      suspected.set(pid, startTime);
      if (!mayKeep || parent.threads.some(({ tid }) => waitsInVfork(tid))) continue;
      memoryOf.set(process, memoryOf.get(parent) ?? parent);
    }
    processes.add(process);
  }
  return { processes: [...processes], memoryOf, suspects: suspected };
}

/** The shell that it gets now cannot be the parent of those that its children have. */
export function leftMemory({ pid, comm }: SourceProcess): GodwitError {
  const reason = `process ${pid} (${comm}), which has children, has left its parent's memory (CLONE_VM)`;
  return new GodwitError('REFUSED', reason, {
    hint: 'try again: it, or its parent, has executed a program just now',
  });
}

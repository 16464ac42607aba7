// Locks on shared storage: the source holds them until it has committed, so they are taken then, before the tree runs. Those
// of open files through the agent's descriptors; record locks (F_SETLK) by their processes, by code that cures itself: an agent
// that dies here leaves a tree that runs.
import { setTimeout as sleep } from 'node:timers/promises';
import { asGodwitError } from '../errors.ts';
import { Fence } from '../kernel/fence.ts';
import type { Keeper } from '../kernel/keeper.ts';
import { LiveProcess } from '../kernel/live-process.ts';
import { Program } from '../kernel/program.ts';
import { stopTasks, suspendSeccomp } from '../kernel/stopped.ts';
import type { LateRecord } from '../kernel/struct-flock.ts';
import type { RestoredOpenFiles } from './restore-options.ts';
import { askRecord } from './resources/file-locks.ts';
import type { ShellTree } from './shell-tree.ts';

/** A lock that somebody else has taken meanwhile: the tree waits this long for it. */
const patienceMs = 2000;

/**
 * Preconditions: the tree stands in the keeper's frozen fence, the source has committed: whatever goes wrong, the tree belongs to this host
 * and has to run. Returns what did.
 */
export async function takeLateLocks(
  tree: ShellTree,
  files: RestoredOpenFiles,
  keeper: Pick<Keeper, 'status'>,
): Promise<string | undefined> {
  try {
    using fence = Fence.at(keeper.status().fence ?? '');
    const missing = await takeAll(tree, files, fence);
    return missing === 0
      ? undefined
      : `${missing} locks on files are held by others, the tree runs without them`;
  } catch (error) {
    return `locks on files could not be taken: ${asGodwitError(error).message}`;
  }
}

/** Returns how many locks somebody else has. */
async function takeAll(tree: ShellTree, files: RestoredOpenFiles, fence: Fence): Promise<number> {
  let records = files.lateRecords;
  const until = performance.now() + patienceMs;
  for (let waitMs = 1; ; waitMs *= 2) {
    const missing = files.takeLocks();
    if (records.length > 0) records = takeRecords(tree, records, fence);
    if (missing + records.length === 0 || performance.now() > until) return missing + records.length;
    await sleep(waitMs);
  }
}

/** Nothing runs in a frozen cgroup: meanwhile all tasks of the tree are held by ptrace. Returns what is still missing. */
function takeRecords(tree: ShellTree, records: readonly LateRecord[], fence: Fence): LateRecord[] {
  using held = stopTasks(
    tree.inOrder().flatMap(({ tids }) => [...tids.values()]),
    suspendSeccomp,
  );
  fence.thaw();
  try {
    return [...new Set(records.map(({ pid }) => pid))].flatMap((vpid) => {
      const { pid } = tree.shell(vpid);
      const own = records.filter((record) => record.pid === vpid);
      return held.has(pid) ? takeOf(pid, own) : [];
    });
  } finally {
    fence.freeze();
  }
}

function takeOf(pid: number, records: readonly LateRecord[]): LateRecord[] {
  const live = LiveProcess.open(pid, pid);
  try {
    const program = new Program();
    const asked = records.map((record) => ({ record, result: askRecord(program, record) }));
    const outcome = live.run(program);
    return asked.filter(({ result }) => outcome.number(result) < 0).map(({ record }) => record);
  } finally {
    live.close();
  }
}

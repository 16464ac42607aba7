// Applies the final state to the shells, in the order in which one thing needs another. All of it lies inside the freeze.
import { readFileSync } from 'node:fs';
import { GodwitError } from '../errors.ts';
import type { MmFields } from '../images/memory.ts';
import type { ProcessState, TreeState } from '../images/state.ts';
import type { PageRuns } from '../kernel/page-runs.ts';
import { Program } from '../kernel/program.ts';
import { isInside } from '../kernel/rights.ts';
import { runLocal } from '../kernel/local-program.ts';
import { readStatus } from '../kernel/proc/status.ts';
import { advisePages, madvDontneed, madvGuardInstall } from './advise-pages.ts';
import { stopJobs } from './apply/job-stop.ts';
import { installFilters } from './apply/seccomp.ts';
import {
  enterRemoved,
  memoryFields,
  otherThreads,
  wholeProcess,
  writeNumbers,
  type InheritedNumbers,
  type ProcessContext,
} from './apply/process-state.ts';
import { settleTerminals } from './controlling-terminals.ts';
import { lockMemory, protectMemory, sealMemory } from './finish-memory.ts';
import { restoreOpenFiles, type Announce } from './open-files.ts';
import type { RestoredOpenFiles } from './restore-options.ts';
import { giveKeys, openMemory } from './protection-keys.ts';
import { RemovedDirectories } from './removed-directories.ts';
import type { Speaker } from './resources/driver.ts';
import { runTogether } from './run-together.ts';
import type { Shell } from './shell.ts';
import type { ShellTree } from './shell-tree.ts';
import { StandIns } from './stand-ins.ts';
import type { SysvUndo } from './sysv/make.ts';
import { makeSemaphores } from './sysv/semaphores.ts';
import { makeQueues } from './sysv/queues.ts';
import { becomeZombie } from './zombies.ts';

export interface ApplyContext {
  readonly agentPidfd: number;
  readonly sameKernel: boolean;
  /** The tree's CLOCK_MONOTONIC, nanoseconds. */
  readonly now: () => bigint;
  readonly warn: (text: string) => void;
  /** Hears of names before they are made or put aside: the keeper's undo list. */
  readonly announce: Announce;
  /** Hears what sockets have to say when the tree runs. */
  readonly speaker: Speaker;
  /** The way back of System V objects. */
  readonly sysvUndo: SysvUndo;
  /** Pages that were given back. */
  readonly dropped: (vpid: number, runs: readonly number[]) => void;
}

/** Preconditions: the tree follows the final layout and all pages are written. @throws GodwitError */
export function applyState(tree: ShellTree, state: TreeState, context: ApplyContext): RestoredOpenFiles {
  const { layout, processes } = state;
  for (const { space, runs } of state.stale) {
    advisePages(tree.shell(space), pageRunsOf(runs), madvDontneed);
    context.dropped(space, runs);
  }
  for (const { space, runs } of state.guards)
    advisePages(tree.shell(space), pageRunsOf(runs), madvGuardInstall);
  tree.terminals.keep(
    state.openFiles.flatMap(({ resource }) => (resource.kind === 'terminal' ? [resource.name] : [])),
  );
  settleTerminals((vpid) => tree.shell(vpid), layout.processes);
  const elapsed = (): bigint => context.now() - state.readAt;
  const executable = ({ exe = -1, exeObject }: MmFields): number => {
    if (exeObject !== undefined) return tree.objects.executable(exeObject);
    const identity = layout.files[exe];
    if (identity === undefined)
      throw new GodwitError('PROTOCOL', `the source named file ${exe}, which it never described`);
    return tree.files.open(tree.files.intern(identity), false);
  };
  const owners = processes.filter(({ pid }) => !tree.shell(pid).shares.memory);
  const fields = owners.map((process) => memoryFields(tree.shell(process.pid), process, executable));
  // Each has the executable open for a moment, under a number that all use.
  if (processes.some(({ pid }) => tree.shell(pid).shares.descriptors))
    for (const errand of fields) runTogether([errand]);
  else runTogether(fields);
  using removedDirectories = new RemovedDirectories();
  for (const process of processes) enterRemoved(tree.shell(process.pid), process, removedDirectories);
  using standIns = new StandIns(tree, context.warn);
  const openFiles = restoreOpenFiles({
    openFiles: state.openFiles,
    processes: processes.filter(({ pid }) => !tree.shell(pid).shares.descriptors),
    shellOf: (vpid) => tree.shell(vpid),
    together: (errands) => {
      runTogether(errands.map(({ vpid, build }) => ({ shell: tree.shell(vpid), build })));
    },
    taskOf: (vpid) => tree.task(vpid),
    standIns,
    warn: context.warn,
    agentPidfd: context.agentPidfd,
    objectFd: (id) => tree.objects.fd(id),
    root: tree.root,
    removedDirectories,
    terminals: tree.terminals,
    fileOf: (index) => {
      const identity = layout.files[index];
      if (identity === undefined)
        throw new GodwitError('PROTOCOL', `the source named file ${index}, which it never described`);
      return identity;
    },
    sameKernel: context.sameKernel,
    elapsed,
    announce: context.announce,
    speaker: context.speaker,
  });
  try {
    // After what they have made, before their parents' actions are set.
    for (const process of layout.processes.toReversed()) {
      if (process.zombie !== undefined) becomeZombie(tree.shell(process.pid), process);
    }
    stopJobs(tree, processes);
    tree.objects.finish((vpid) => tree.shells.get(vpid));
    makeQueues(state.queues, (vpid) => tree.shells.get(vpid), context.sysvUndo);
    makeSemaphores(state.semaphores, (vpid) => tree.shells.get(vpid), context.sysvUndo);
    const guardsOf = runsOf(state.guards);
    const sealedOf = runsOf(state.sealed);
    const hasKeys = processes.some(({ protectionKeys }) => protectionKeys !== undefined);
    const processContext: ProcessContext = { ...ownFacts(tree), now: context.now, warn: context.warn };
    for (const process of processes) {
      const shell = tree.shell(process.pid);
      installFilters(shell, process);
      if (!shell.shares.memory) {
        protectMemory(shell);
        lockMemory(shell, guardsOf.get(process.pid) ?? []);
        if (process.protectionKeys !== undefined) giveKeys(shell, process.protectionKeys);
        sealMemory(shell, sealedOf.get(process.pid) ?? []);
      }
      if (hasKeys) openMemory(shell, process.threads);
      writeNumbers(shell, process, processContext);
    }
    const ofAll = <T>(errandsOf: (shell: Shell, state: ProcessState, context: ProcessContext) => T): T[] =>
      processes.map((process) => errandsOf(tree.shell(process.pid), process, processContext));
    runTogether(ofAll(otherThreads).flat());
    runTogether(ofAll(wholeProcess));
  } catch (error) {
    openFiles.undo();
    openFiles.close();
    throw error;
  }
  return openFiles;
}

function runsOf(spaces: TreeState['sealed']): ReadonlyMap<number, readonly number[]> {
  return new Map(spaces.map(({ space, runs }) => [space, runs]));
}

function pageRunsOf(runs: readonly number[]): PageRuns {
  return { runs: Float64Array.from(runs), count: runs.length / 2 };
}

/** What shells have from this agent, by way of the keeper; and what they were given in common. */
function ownFacts(tree: ShellTree): Pick<ProcessContext, 'own' | 'cpus' | 'inherited'> {
  const status = readStatus(process.pid);
  return {
    own: { permitted: status?.capPrm ?? 0n, bounding: status?.capBnd ?? 0n, keepsGroups: isInside() },
    cpus: ownCpus(),
    inherited: inheritedNumbers([...tree.shells.values()][0]?.pid ?? process.pid),
  };
}

function ownCpus(): Uint8Array {
  const program = new Program();
  const mask = program.room(1024);
  const length = program.call('sched_getaffinity', 0, 1024, mask);
  const outcome = runLocal(program);
  return outcome.bytes(mask).slice(0, outcome.number(length));
}

function inheritedNumbers(pid: number): InheritedNumbers {
  const read = (name: string, radix: number): number =>
    Number.parseInt(readFileSync(`/proc/${pid}/${name}`, 'latin1'), radix);
  return { oomScoreAdjust: read('oom_score_adj', 10), coredumpFilter: read('coredump_filter', 16) };
}

// What the kernel keeps per process: one program in each thread, the leader last, which ends with its own credentials.
import { writeFileSync } from 'node:fs';
import { GodwitError } from '../../errors.ts';
import type { ResourceLimit } from '../../images/credentials.ts';
import type { MmFields } from '../../images/memory.ts';
import type { ProcessState } from '../../images/state.ts';
import { errnoName, Program, type Result } from '../../kernel/program.ts';
import type { RemovedDirectories } from '../removed-directories.ts';
import type { Errand } from '../run-together.ts';
import type { Shell } from '../shell.ts';
import { setSpaceControls } from './controls.ts';
import { setMemoryFields } from './memory-fields.ts';
import { drainPending, queueForProcess, setActions } from './signals.ts';
import { setThread, type ThreadContext } from './thread-state.ts';
import { armTimers, isAlarm } from './timers.ts';

const prSetDumpable = 4;
const prSetChildSubreaper = 36;
const prSetThpDisable = 41;
const suidDumpable = 2;

export interface ProcessContext extends Omit<ThreadContext, 'personality'> {
  /** The tree's CLOCK_MONOTONIC, nanoseconds. */
  readonly now: () => bigint;
  /** What the shell has inherited from the agent: written only where it differs. */
  readonly inherited: InheritedNumbers;
  readonly warn: (text: string) => void;
}

export interface InheritedNumbers {
  readonly oomScoreAdjust: number;
  readonly coredumpFilter: number;
}

/** What needs the agent's descriptors. Preconditions: nothing of the keeper's executable is mapped any more. */
export function memoryFields(
  shell: Shell,
  { mm }: ProcessState,
  executable: (mm: MmFields) => number,
): Errand {
  return {
    shell,
    build: (program) => {
      setMemoryFields(program, shell, mm, executable(mm));
      return undefined;
    },
  };
}

/** A working directory without a name: while the shell can still take the agent's descriptors. */
export function enterRemoved(
  shell: Shell,
  { cwd, removedCwd }: ProcessState,
  directories: Pick<RemovedDirectories, 'fdOf'>,
): void {
  if (removedCwd === undefined || shell.shares.places) return;
  const fd = shell.pullFd(directories.fdOf(cwd, removedCwd));
  const program = new Program();
  program.call('fchdir', fd);
  program.call('close', fd);
  shell.run(program);
}

/** All but the leaders first, for they end with their own credentials. Preconditions: memory, open files and zombies are in their place. */
export function otherThreads(shell: Shell, state: ProcessState, context: ProcessContext): Errand[] {
  const [leader, ...others] = state.threads;
  if (leader?.tid !== shell.vpid) {
    throw new GodwitError('PROTOCOL', `${shell.name}: its first thread is not its leader`);
  }
  return others.map((thread) => ({
    shell,
    vtid: thread.tid,
    build: (program) => {
      setThread(program, shell, thread, { ...context, personality: state.personality });
      return undefined;
    },
  }));
}

/** What is the process's, and its leader's. Preconditions: its other threads have what is theirs. @throws GodwitError REMOTE_CALL, NO_RIGHTS. */
export function wholeProcess(shell: Shell, state: ProcessState, context: ProcessContext): Errand {
  return {
    shell,
    build: (program) => {
      // Else its parent, which came first, has done so for both; a second chroot would begin in the first.
      if (!shell.shares.places) {
        if (state.removedCwd === undefined) program.call('chdir', program.cstring(state.cwd));
        if (state.root !== '/') program.call('chroot', program.cstring(state.root));
        program.call('umask', state.umask);
      }
      program.call('prctl', prSetChildSubreaper, state.childSubreaper ? 1 : 0, 0, 0, 0);
      program.attempt('prctl', prSetThpDisable, state.thpDisabled ? 1 : 0, 0, 0, 0);
      setSpaceControls(program, state.controls);
      drainPending(program, 6); // SIGCHLD, and of terminals SIGHUP, SIGCONT, SIGWINCH
      setActions(program, state.actions);
      queueForProcess(program, shell.vpid, state.pending);
      const limits = state.limits.map((limit) => ({ limit, result: setLimit(program, limit) }));
      const alarms = armTimers(program, state.timers, context.now);
      if (!state.pending.some(isAlarm)) queueForProcess(program, shell.vpid, alarms);
      for (const leader of state.threads.slice(0, 1))
        setThread(program, shell, leader, { ...context, personality: state.personality });
      if (state.dumpable !== suidDumpable) program.call('prctl', prSetDumpable, state.dumpable, 0, 0, 0);
      return (outcome) => {
        for (const { limit, result } of limits) checkLimit(shell, limit, outcome.number(result));
      };
    },
  };
}

function setLimit(program: Program, { resource, soft, hard }: ResourceLimit): Result {
  return program.attempt('prlimit64', 0, resource, program.words(soft, hard), 0);
}

function checkLimit(shell: Shell, { resource, hard }: ResourceLimit, result: number): void {
  if (result >= 0) return;
  throw new GodwitError(
    'NO_RIGHTS',
    `${shell.name}: limit ${resource} cannot be set to ${hard}: ${errnoName(result)}`,
    {
      hint: 'start receive with hard limits at least as high as those of the tree, or with CAP_SYS_RESOURCE',
    },
  );
}

/** What the agent writes by way of /proc. */
export function writeNumbers(shell: Shell, state: ProcessState, { inherited, warn }: ProcessContext): void {
  const write = (name: string, value: number, has: number): void => {
    if (value === has) return;
    try {
      writeFileSync(`/proc/${shell.pid}/${name}`, String(value));
    } catch {
      warn(`${shell.name}: ${name} stays ${has} instead of ${value}: lowering it needs CAP_SYS_RESOURCE`);
    }
  };
  write('oom_score_adj', state.oomScoreAdjust, inherited.oomScoreAdjust);
  write('coredump_filter', state.coredumpFilter, inherited.coredumpFilter);
}

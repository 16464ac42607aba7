// One stopped process as an image, but for its open files.
import { hrtime } from 'node:process';
import { readlinkSync, statSync } from 'node:fs';
import { GodwitError } from '../../errors.ts';
import type { MmFields } from '../../images/memory.ts';
import type { ProcessState } from '../../images/state.ts';
import { readAuxv } from '../../kernel/proc/auxv.ts';
import { readExecutable, unmappedExecutable } from '../deleted-files.ts';
import type { FileIdentities } from '../file-identities.ts';
import { describeRemoved, isRemoved, nameOfRemoved } from '../removed-directories.ts';
import type { SourceProcess } from '../tree.ts';
import { readNumber, readResourceLimits } from './credentials.ts';
import { withoutTimerSignals } from './overdue-timers.ts';
import type { OwnState } from './own-state.ts';
import { readSeccomp } from './seccomp.ts';
import { readProtectionKeys } from './protection-keys.ts';
import { forEver } from './syscall-restart.ts';
import { readPending, readThread } from './thread-state.ts';
import type { TimedWaits } from './timed-waits.ts';

export interface StateContext {
  readonly identities: FileIdentities;
  readonly timedWaits: TimedWaits;
  /** As the freeze has found them. */
  readonly registersOf: (tid: number) => BigUint64Array | undefined;
  /** How far the tree's CLOCK_MONOTONIC is ahead of the agent's, nanoseconds. */
  readonly clockAhead: bigint;
  /** The id of a shared object by its key. */
  readonly objectOf: (key: string) => number | undefined;
  /** Whether a process has memory of its own; whether some mapping of it was seen with a protection key. */
  readonly ownsMemory: (process: SourceProcess) => boolean;
  readonly hasKeys: (process: SourceProcess) => boolean;
}

export type ProcessStateButFiles = Omit<ProcessState, 'descriptors'>;

/** Preconditions: every thread is stopped, and was when `process` was read. */
export function readProcessState(
  process: SourceProcess,
  { ofProcess: own, ofThreads: threadsOwn }: OwnState,
  context: StateContext,
): ProcessStateButFiles {
  const { pid, stat } = process;
  const auxv = readAuxv(pid);
  if (auxv === undefined) throw new GodwitError('NO_PROCESS', `process ${pid} ended while it was read`);
  const mm: MmFields = {
    startCode: stat.startCode,
    endCode: stat.endCode,
    startData: stat.startData,
    endData: stat.endData,
    startBrk: stat.startBrk,
    brk: own.brk,
    startStack: stat.startStack,
    argStart: stat.argStart,
    argEnd: stat.argEnd,
    envStart: stat.envStart,
    envEnd: stat.envEnd,
    auxv: Uint8Array.from(auxv),
    ...executable(pid, context),
  };
  const threads = process.threads.map((thread) => {
    const registers = context.registersOf(thread.tid);
    return readThread(pid, thread, { own: threadsOwn.get(thread.tid), registers }, (registers) => {
      const wait = context.timedWaits.atStop(pid, thread.tid, registers);
      if (wait === undefined) return undefined;
      const deadline = wait.deadline === forEver ? forEver : wait.deadline + context.clockAhead;
      return { syscall: wait.syscall, deadline };
    });
  });
  const seccomp = readSeccomp(process);
  const protectionKeys = context.ownsMemory(process)
    ? readProtectionKeys(pid, own.allocatedKeys, context.hasKeys(process))
    : undefined;
  const lists = [readPending(pid, true), ...threads.map(({ pending }) => pending)];
  const { timers, pending } = withoutTimerSignals(own.timers, lists, {
    stoppedFor: own.timers.readAt - context.clockAhead - context.timedWaits.standsSince,
    gap: hrtime.bigint() + context.clockAhead - own.timers.readAt,
  });
  const [ofProcess = [], ...ofThreads] = pending;
  return {
    pid: process.vpid,
    threads: threads.map((thread, i) => ({ ...thread, pending: ofThreads[i] ?? [] })),
    mm,
    ...workingDirectory(pid),
    root: readLink(pid, 'root'),
    umask: process.umask ?? 0o022,
    actions: own.actions,
    pending: ofProcess,
    timers,
    limits: readResourceLimits(pid),
    oomScoreAdjust: readNumber(pid, 'oom_score_adj', 10, 0),
    coredumpFilter: readNumber(pid, 'coredump_filter', 16, 0x33),
    personality: readNumber(pid, 'personality', 16, 0),
    dumpable: own.dumpable,
    childSubreaper: own.childSubreaper,
    thpDisabled: own.thpDisabled,
    controls: own.controls,
    ...(seccomp === undefined ? {} : { seccomp }),
    ...(protectionKeys === undefined ? {} : { protectionKeys }),
  };
}

function executable(
  pid: number,
  { identities, objectOf }: StateContext,
): Pick<MmFields, 'exe' | 'exeObject'> {
  const found = readExecutable(pid, readLink(pid, 'exe'));
  if (found.kind === 'named') return { exe: identities.add(found.path, found.link, false) };
  const exeObject = objectOf(found.key);
  if (exeObject !== undefined) return { exeObject };
  throw new GodwitError('REFUSED', `${unmappedExecutable} (process ${pid})`, { hint: 'try again' });
}

function workingDirectory(pid: number): Pick<ProcessState, 'cwd' | 'removedCwd'> {
  const cwd = readLink(pid, 'cwd');
  if (!isRemoved(cwd)) return { cwd };
  const removedCwd = describeRemoved(statSync(`/proc/${pid}/cwd`, { bigint: true }));
  return { cwd: nameOfRemoved(cwd), removedCwd };
}

function readLink(pid: number, name: string): string {
  try {
    return readlinkSync(`/proc/${pid}/${name}`);
  } catch (cause) {
    throw new GodwitError('NO_PROCESS', `/proc/${pid}/${name} cannot be read`, { cause });
  }
}

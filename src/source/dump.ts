// The dump of a frozen tree: everything but the content of its memory, as one image.
import { GodwitError } from '../errors.ts';
import type { ProcessState, TreeState } from '../images/state.ts';
import { clocksAhead } from '../kernel/clocks.ts';
import type { Outcome, Program } from '../kernel/program.ts';
import type { Flight } from './flight.ts';
import { dumpOpenFiles, InFlight, type DumpOptions, type PreparedOpenFiles } from './open-files.ts';
import { inheritable, sharingStrangers } from './sharing.ts';
import type { VmasOf } from './wire.ts';
import type { ConnectionLocker, MessagesOf, OpenFileOptions, TerminalQueuesOf } from './resources/driver.ts';
import { treeClocks } from './staged-layout.ts';
import { dumpSemaphores } from './sysv/semaphores.ts';
import { dumpQueues } from './sysv/queues.ts';
import { readJobStop } from './state/job-stop.ts';
import { readOwnStates } from './state/own-state.ts';
import { readProcessState } from './state/process-state.ts';
import type { PageRuns } from '../kernel/page-runs.ts';
import type { SourceProcess } from './tree.ts';
import type { FileIdentities } from './file-identities.ts';

export interface DumpContext {
  readonly flight: Flight;
  /** Mappings as they are in the freeze. */
  readonly vmasOf: VmasOf;
  readonly identities: FileIdentities;
  readonly prepared: PreparedOpenFiles;
  /** Takes in, and keeps, the agent's copies of descriptors in flight. */
  readonly inFlight: InFlight;
  readonly options: OpenFileOptions;
  readonly lateObject: DumpOptions['lateObject'];
  /** Absent in rehearsals. */
  readonly locks?: ConnectionLocker;
  /** Asks the keeper what waits in a terminal; absent in rehearsals. */
  readonly terminalQueues?: TerminalQueuesOf;
  /** The same of message queues. */
  readonly messages?: MessagesOf;
}

export type StateButMemory = Pick<
  TreeState,
  'processes' | 'openFiles' | 'queues' | 'semaphores' | 'readAt' | 'tcpClose' | 'sealed'
>;

/** Preconditions: every thread is stopped and the processes were read after the freeze. */
export function dumpState({
  flight,
  vmasOf,
  identities,
  prepared,
  inFlight,
  options,
  lateObject,
  locks,
  terminalQueues,
  messages,
}: DumpContext): StateButMemory {
  refuseStrangers(flight.living);
  const readAt = treeClocks(flight.rootPid).monotonic;
  const clockAhead = clocksAhead(flight.rootPid).monotonic;
  const virtualTids = new Map(
    flight.living.flatMap(({ threads }) => threads.map(({ tid, vtid }) => [tid, vtid])),
  );
  const virtualTid = (tid: number): number => virtualTids.get(tid) ?? tid;
  const objectOf = (key: string): number | undefined => flight.layouts.objects.get(key)?.id;
  const context = {
    identities,
    timedWaits: flight.timedWaits,
    registersOf: (tid: number) => flight.stopRegisters.of(tid),
    clockAhead,
    objectOf,
    ownsMemory: (process: SourceProcess) => flight.ownerOf(process) === process,
    hasKeys: ({ pid }: SourceProcess) => flight.layouts.seen.hasKeys(pid),
  };
  const liveOf = new Map(flight.living.map((process) => [process.pid, flight.of(process).live]));
  const runIn = (pid: number, program: Program): Outcome => {
    const live = liveOf.get(pid);
    if (live === undefined) throw new GodwitError('INTERNAL', `process ${pid} is none of the tree's`);
    return live.run(program);
  };
  const own = readOwnStates(
    flight.living.map((process) => ({
      process,
      live: flight.of(process).live,
      vmas: flight.ownerOf(process) === process ? (vmasOf.get(process.pid) ?? []) : undefined,
    })),
    virtualTid,
  );
  const before = flight.living.map((process) => {
    const told = own.get(process.pid);
    if (told === undefined) throw new GodwitError('INTERNAL', `process ${process.pid} was not asked`);
    const parent = process.parent?.zombie === undefined ? process.parent : undefined;
    const jobStop = readJobStop(process, parent && flight.of(parent).live);
    const state = readProcessState(process, told, context);
    const { vpid } = process;
    return {
      vpid,
      state: { ...state, ...(jobStop === undefined ? {} : { jobStop }) },
      sealed: told.sealed.length === 0 ? [] : [{ space: vpid, runs: [...told.sealed] }],
    };
  });
  const queues = dumpQueues(flight.living);
  const semaphores = dumpSemaphores(flight.living, runIn);
  // Behind it no program runs in the tree any more: connections may be locked.
  const open = dumpOpenFiles(flight.living, {
    prepared,
    inFlight,
    objectOf,
    lateObject,
    ...options,
    runIn,
    locks,
    terminalQueues,
    messages,
  });
  const processes: ProcessState[] = before.map(({ vpid, state }) => ({
    ...state,
    descriptors: open.descriptors.get(vpid) ?? [],
  }));
  return {
    processes,
    openFiles: open.openFiles,
    queues,
    semaphores,
    readAt,
    tcpClose: options.tcpClose,
    sealed: before.flatMap(({ sealed }) => sealed),
  };
}

/** A parent that shared its working directory or its descriptors with two children may have ended while the tree was copied. */
function refuseStrangers(living: readonly SourceProcess[]): void {
  for (const [kind, what] of inheritable) {
    const [pair] = sharingStrangers(kind, living);
    if (pair === undefined) continue;
    const [first, second] = pair;
    const reason = `processes ${first.pid} and ${second.pid} share ${what}, and not with their parent`;
    throw new GodwitError('REFUSED', reason, { hint: 'no order of births brings that about' });
  }
}

/**
 * Goes through the dump of what is open while the tree runs, and throws it away: the code that this very tree needs has been
 * compiled by then. What is amiss in a running tree (a descriptor closed meanwhile) means nothing.
 */
export function practiseDump({
  flight,
  prepared,
  options,
}: Pick<DumpContext, 'flight' | 'prepared' | 'options'>): void {
  const objectOf = (key: string): number | undefined => flight.layouts.objects.get(key)?.id;
  using inFlight = new InFlight('running');
  try {
    dumpOpenFiles(flight.living, {
      prepared,
      inFlight,
      objectOf,
      lateObject: () => 0,
      ...options,
    });
  } catch {
    // the dump proper will tell
  }
}

/** Pages that the target still holds and the tree has given back. Preconditions: the frozen round was collected. */
export function stalePages(flight: Flight, vmasOf: VmasOf): TreeState['stale'] {
  return runsBySpace(flight, (process) => flight.of(process).copy.stale(vmasOf.get(process.pid) ?? []));
}

/** Preconditions: the frozen round was collected. */
export function guardPages(flight: Flight, vmasOf: VmasOf): TreeState['guards'] {
  return runsBySpace(flight, (process) => flight.of(process).copy.guards(vmasOf.get(process.pid) ?? []));
}

function runsBySpace(flight: Flight, runsOf: (process: SourceProcess) => PageRuns): TreeState['stale'] {
  return flight.owners.flatMap((process) => {
    const { runs, count } = runsOf(process);
    return count === 0 ? [] : [{ space: process.vpid, runs: [...runs.subarray(0, 2 * count)] }];
  });
}

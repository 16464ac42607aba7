// Open files on the target, in two phases: `open` makes each of them in the agent, `connect` does what needs the others
// and a process that has them. In between what is in flight is sent, and every process pulls its descriptors from the agent.
import type { ResourceKind } from '../images/resources/registry.ts';
import type { OpenFile } from '../images/state.ts';
import { closeLocal } from '../kernel/socket-facts.ts';
import type { LateRecord } from '../kernel/struct-flock.ts';
import { mismatchOf } from './agent-files.ts';
import { giveAccess } from './resources/access.ts';
import { connectContext, fdOf, type Inhabitants } from './resources/connect-context.ts';
import type { Actor, ConnectContext, OpenContext } from './resources/driver.ts';
import { setStatusFlags } from './resources/local-files.ts';
import { endLodging, lodgersOf } from './resources/lodgers.ts';
import { connectOwner } from './resources/owner.ts';
import { placeDescriptors, type PlaceErrand, type Placement } from './resources/place.ts';
import { targetDriverOf } from './resources/registry.ts';
import { lockOrLater, takeLease, takeRecords, type TakeLock } from './resources/file-locks.ts';
import { silentSpeaker } from './speaker.ts';
import { togetherOf, type RestoredOpenFiles, type RestoreOptions } from './restore-options.ts';
import { Terminals } from './terminals.ts';
import { Watches } from './resources/watches.ts';
import { UndoLog } from './resources/undo-log.ts';

export type { Announce } from './resources/undo-log.ts';

interface Lock {
  readonly fd: number;
  readonly take: TakeLock;
}

/** @throws GodwitError; what was changed outside is undone then, and the agent's descriptors are closed. */
export function restoreOpenFiles(options: RestoreOptions): RestoredOpenFiles {
  const undo = new UndoLog(options.announce);
  const agentFds = new Map<number, number>();
  const closeLater: number[] = [];
  const locks: Lock[] = [];
  const lateRecords: LateRecord[] = [];
  const watches = new Watches();
  try {
    openAll(options, { undo, agentFds, closeLater, locks, watches });
    options.standIns?.end(); // before anybody looks at what their pidfds report
    closeLocal(...closeLater.splice(0));
    const placements = settle(options, agentFds, (record) => void lateRecords.push(record));
    togetherOf(options)(placements.map(({ vpid, pidfd }) => ({ vpid, build: closing(pidfd) })));
  } catch (error) {
    undo.undo();
    closeLocal(...closeLater, ...agentFds.values());
    throw error;
  }
  const kept = new Set([...locks.map(({ fd }) => fd), ...watches.fds]);
  closeLocal(...[...agentFds.values()].filter((fd) => !kept.has(fd)));
  return {
    undoSteps: undo.steps,
    undo: () => {
      undo.undo();
    },
    watch: () => {
      watches.act();
      const locked = new Set(locks.map(({ fd }) => fd));
      closeLocal(...watches.clear().filter((fd) => !locked.has(fd)));
    },
    commit: () => {
      undo.commit();
    },
    takeLocks: () => takeLocks(locks),
    lateRecords,
    hasLateLocks: locks.length + lateRecords.length > 0,
    close: () => {
      closeLocal(...new Set([...locks.splice(0).map(({ fd }) => fd), ...watches.clear()]));
    },
  };
}

interface Made {
  readonly undo: UndoLog;
  readonly agentFds: Map<number, number>;
  readonly closeLater: number[];
  readonly locks: Lock[];
  readonly watches: Watches;
}

/** Kinds that are opened by name have their flags from the beginning, given ones those of their giver. */
const haveFlags = new Set<ResourceKind>([
  'regular',
  'directory',
  'device',
  'link',
  'memfd',
  'nameless',
  'inherited',
]);

function openAll(options: RestoreOptions, { undo, agentFds, closeLater, locks, watches }: Made): void {
  const { standIns } = options;
  const shared = new Map<object, unknown>();
  const whenOpen: ((fdOf: (file: number) => number) => void)[] = [];
  const context: OpenContext = {
    openFiles: options.openFiles,
    root: options.root,
    removedDirectories: options.removedDirectories,
    objectFd: options.objectFd,
    taskOf: options.taskOf,
    actor: (vpid) => (standIns === undefined ? actorOf(options, vpid) : standIns.actor(vpid)),
    anyone: () => standIns?.anyone(),
    agentPidfd: options.agentPidfd,
    warn: options.warn ?? (() => undefined),
    fileOf: options.fileOf,
    mismatch: options.mismatch ?? ((identity, fd) => mismatchOf(identity, fd, options.sameKernel)),
    elapsed: options.elapsed,
    undo,
    terminals: options.terminals ?? new Terminals(),
    runner: options.shellOf,
    lockLater: (fd, take) => void locks.push({ fd, take }),
    watchLast: (fd, act) => {
      watches.add(fd, act);
    },
    whenOpen: (act) => void whenOpen.push(act),
    speaker: options.speaker ?? silentSpeaker,
    closeLater: (fd) => void closeLater.push(fd),
    shared: <T>(key: object, make: () => T): T => {
      if (!shared.has(key)) shared.set(key, make());
      return shared.get(key) as T;
    },
  };
  for (const file of options.openFiles) {
    const { kind } = file.resource;
    const fd = targetDriverOf(kind).open(file.resource, file, context);
    agentFds.set(file.id, fd);
    if (!haveFlags.has(kind)) setStatusFlags(fd, file.flags);
    if (file.locks !== undefined) lockOrLater(fd, file.locks, `open file ${file.id} (${kind})`, context);
  }
  for (const file of options.openFiles) giveAccess(fdOf(agentFds, file.id), file, context.warn);
  for (const act of whenOpen) act((file) => fdOf(agentFds, file));
}

function actorOf({ shellOf, taskOf }: RestoreOptions, vpid: number): Actor | undefined {
  const pid = taskOf(vpid);
  return pid === undefined ? undefined : { pid, vpid, run: (program) => shellOf(vpid).run(program) };
}

/** Places what processes have, and does what only they can do. */
function settle(
  options: RestoreOptions,
  agentFds: ReadonlyMap<number, number>,
  recordLater: ConnectContext['recordLater'],
): Placement[] {
  const { openFiles, processes, shellOf } = options;
  const [host, ...others] = processes;
  if (host === undefined) return [];
  const lodgers = lodgersOf(openFiles, processes, host);
  const crowded = [{ pid: host.pid, descriptors: [...host.descriptors, ...lodgers] }, ...others];
  const placements = placeDescriptors(
    crowded,
    shellOf,
    options.agentPidfd,
    (file) => fdOf(agentFds, file),
    togetherOf(options),
  );
  const connect = (files: readonly OpenFile[], inhabitants: Inhabitants): void => {
    const context = connectContext(inhabitants, placements, agentFds, { runner: shellOf, recordLater });
    for (const file of files) {
      targetDriverOf(file.resource.kind).connect?.(file.resource, file, context);
      if (file.locks !== undefined) {
        takeRecords(file.id, file.locks, context);
        takeLease(file.id, file.locks, context);
      }
      connectOwner(file, context);
    }
  };
  const lodged = new Set(lodgers.map(({ file }) => file));
  if (lodged.size > 0) {
    connect(
      openFiles.filter(({ id }) => lodged.has(id)),
      crowded,
    );
    endLodging(shellOf(host.pid), lodgers);
  }
  connect(
    openFiles.filter(({ id }) => !lodged.has(id)),
    processes,
  );
  return placements;
}

function closing(fd: number): PlaceErrand['build'] {
  return (program) => {
    program.call('close', fd);
    return undefined;
  };
}

/** Locks belong to open files, which the processes have: a descriptor of the agent that has got all of its own is closed. */
function takeLocks(locks: Lock[]): number {
  const before = locks.splice(0);
  const missing = before.filter(({ take }) => take() < 0);
  const wanted = new Set(missing.map(({ fd }) => fd));
  closeLocal(...new Set(before.map(({ fd }) => fd).filter((fd) => !wanted.has(fd))));
  locks.push(...missing);
  return missing.length;
}

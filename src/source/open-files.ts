// Open files of the tree: what stands in the way of carrying them, what the target needs for them, and what they are
// like in the freeze. How each kind is read stands in resources/, one file a kind.
import { GodwitError } from '../errors.ts';
import type { ResourceKind, AnyResourceImage } from '../images/resources/registry.ts';
import type { Descriptor, OpenFile } from '../images/state.ts';
import type { Blocker } from '../images/requirements.ts';
import { unixSockets } from '../kernel/sockets.ts';
import { once } from './once.ts';
import type { FileIdentities } from './file-identities.ts';
import type {
  DriverContext,
  DumpContext,
  ConnectionLocker,
  MessagesOf,
  OpenFileOptions,
  Refusal,
  SourceDriver,
  TerminalQueuesOf,
} from './resources/driver.ts';
import { hasFragileLease, lockRefusal, locksOf } from './resources/file-locks.ts';
import { externalOf, isInherited, unusedExternals, whyNotSo } from './resources/external.ts';
import { FileNames } from './resources/file-names.ts';
import { findOutsideHolders } from './resources/outside.ts';
import { describeObject, keyOfFile, type OpenObject } from './resources/open-objects.ts';
import { InFlight } from './resources/in-flight.ts';
import { readAccess } from './resources/access.ts';
import { readOwner } from './resources/owner.ts';
import { refuse, unsupported, unsupportedSocket } from './resources/refuse.ts';
import { driverOf, sourceDrivers } from './resources/registry.ts';
import { isKernelFile, type OpenFileGroup, type ProcessRef, type SeenFile } from './resources/seen-file.ts';
import { Thief } from './resources/thief.ts';
import { surveyThreadTables } from './resources/thread-tables.ts';
import { TreeFiles } from './resources/tree-files.ts';
import { unlessGone } from './resources/unless-gone.ts';

export { closeConnections } from './resources/close-connections.ts';
export { InFlight } from './resources/in-flight.ts';
export { forOpenObjects, type OpenObject } from './resources/open-objects.ts';
export type { ProcessRef } from './resources/seen-file.ts';

/** What was found out while the tree runs, and is only looked at again where something changed. */
export interface PreparedOpenFiles {
  readonly names: FileNames;
  readonly files: FileIdentities;
  /** Open message queues, one descriptor each open file. */
  readonly queues: readonly SeenFile[];
  /** Instances of inotify and groups of fanotify, likewise. */
  readonly watchers: readonly SeenFile[];
}

export interface DumpOptions extends OpenFileOptions {
  readonly prepared: PreparedOpenFiles;
  /** Keeps the agent's copies of what is in flight; new for each dump. */
  readonly inFlight: InFlight;
  /** The id of a shared memory object by objectKey (source/layout.ts). */
  readonly objectOf: (key: string) => number | undefined;
  /** Takes in an object that no round has met. undefined: it cannot. */
  readonly lateObject: (object: OpenObject) => number | undefined;
  /** Runs a program in a stopped process of the tree (the agent's PID); absent while it runs. */
  readonly runIn?: DumpContext['runIn'];
  readonly locks?: ConnectionLocker | undefined;
  readonly terminalQueues?: TerminalQueuesOf | undefined;
  readonly messages?: MessagesOf | undefined;
}

export interface DumpedOpenFiles {
  readonly openFiles: OpenFile[];
  /** By vpid; every process that was given has an entry. */
  readonly descriptors: Map<number, Descriptor[]>;
}

/** Everything that is open in the tree and cannot be carried. The tree runs and is not disturbed. */
export function surveyOpenFiles(processes: readonly ProcessRef[], options: OpenFileOptions): Blocker[] {
  using thief = new Thief();
  using inFlight = new InFlight('running');
  const tree = TreeFiles.read(processes, inFlight);
  const context = tree.context(thief, new FileNames(), options, (links) =>
    findOutsideHolders(links, new Set(processes.map(({ pid }) => pid)), (fd) => inFlight.isOwnCopy(fd)),
  );
  context.outside(); // before copies are taken: the agent would meet its own
  const open = tree.groups.flatMap((group) => {
    const refusal = unlessGone(() => refusalOf(group, context));
    thief.release();
    // Its number may have been used again meanwhile: what was looked at was half one file and half another.
    return refusal === undefined || !group.first.isStillThere
      ? []
      : [{ side: 'source' as const, object: group.first.object, ...refusal }];
  });
  const unused = unusedExternals(tree.groups, context).map(({ option }) => ({
    side: 'source' as const,
    object: option,
    reason: 'the tree has nothing of this name open',
    remedy: 'see ls -l /proc/PID/fd, and what godwit check says without this option',
  }));
  return [...open, ...unused, ...surveyThreadTables(processes)];
}

function refusalOf(group: OpenFileGroup, context: DriverContext): Refusal | undefined {
  const external = externalOf(group, context);
  const unfit = external && whyNotSo(external, group, context);
  if (unfit !== undefined || external?.instead.kind === 'inherit') return unfit;
  const driver = driverOf(group.first, context.thief);
  if (driver === undefined) return refusalOfUnknown(group.first, context.thief);
  return driver.survey(group, context) ?? lockRefusal(group);
}

function refusalOfUnknown(file: SeenFile, thief: Thief): Refusal {
  if (!file.link.startsWith('socket:[')) return unsupported(file);
  const { domain, type } = thief.socket(file);
  return unsupportedSocket(domain, type);
}

/** Finds out ahead of the freeze what takes time: names and hashes of files. Call again as often as there is time. */
export function prepareOpenFiles(
  processes: readonly ProcessRef[],
  files: FileIdentities,
  options: Pick<OpenFileOptions, 'externals'>,
  names: FileNames = new FileNames(),
): PreparedOpenFiles {
  const said = { options, unix: once(unixSockets) };
  const queues: SeenFile[] = [];
  const watchers: SeenFile[] = [];
  using inFlight = new InFlight('running');
  for (const group of TreeFiles.read(processes, inFlight).groups) {
    const { first: file } = group;
    unlessGone(() => {
      if (isInherited(group, said)) return;
      if (isWatcher(file)) watchers.push(file);
      if (!file.isNamed || !file.stat.isFile() || isKernelFile(file) || hasFragileLease(file)) return;
      if (file.isMessageQueue) {
        queues.push(file);
        return;
      }
      const name = names.nameOf(file);
      // Not by its descriptor, whose number may be another file's by now.
      if (name !== undefined) files.add(name, name, file.canWrite);
    });
  }
  return { names, files, queues, watchers };
}

function isWatcher({ info, carrier }: SeenFile): boolean {
  return carrier === undefined && (info.inotify ?? info.fanotify) !== undefined;
}

/** Reads everything that is open. Preconditions: no process of the tree runs. @throws GodwitError REFUSED */
export function dumpOpenFiles(processes: readonly ProcessRef[], options: DumpOptions): DumpedOpenFiles {
  using thief = new Thief();
  const tree = TreeFiles.read(processes, options.inFlight);
  const context: DumpContext = {
    ...tree.context(thief, options.prepared.names, options, () => new Map()),
    files: options.prepared.files,
    objectOf: (file) => {
      const key = keyOfFile(file);
      const known = options.objectOf(key);
      if (known !== undefined) return known;
      const object = describeObject(file, thief);
      return object && options.lateObject({ key, object, procPath: file.procPath });
    },
    runIn: options.runIn,
    locks: options.locks,
    terminalQueues: options.terminalQueues,
    messages: options.messages,
  };
  const dump = (group: OpenFileGroup): OpenFile => {
    const external = externalOf(group, context);
    const unfit = external && whyNotSo(external, group, context);
    if (unfit !== undefined) throw refuse(group.first, unfit);
    if (external?.instead.kind === 'inherit') {
      const { id, first } = group;
      const resource = sourceDrivers.inherited.dump(group, context);
      thief.release();
      return { id, flags: first.flags, resource };
    }
    const driver: SourceDriver<ResourceKind> | undefined = driverOf(group.first, thief);
    if (driver === undefined) {
      const { reason, remedy } = refusalOfUnknown(group.first, thief);
      throw new GodwitError('REFUSED', `${group.first.object}: ${reason}`, { hint: remedy });
    }
    const refusal = lockRefusal(group);
    if (refusal !== undefined) throw refuse(group.first, refusal);
    const resource: AnyResourceImage = driver.dump(group, context);
    const owner = readOwner(group.first, thief, processes);
    thief.release();
    const locks = locksOf(group);
    const access = readAccess(group.first);
    return {
      id: group.id,
      flags: group.first.flags,
      ...(owner === undefined ? {} : { owner }),
      ...(locks === undefined ? {} : { locks }),
      ...(access === undefined ? {} : { access }),
      resource,
    };
  };
  // Last of all connections: they are locked for it, and from then on no program may run in the tree.
  const isTcp = ({ first }: OpenFileGroup): boolean =>
    first.link.startsWith('socket:[') && driverOf(first, thief) === sourceDrivers.tcp;
  const tcp = new Set(tree.groups.filter(isTcp));
  const images = new Map(tree.groups.filter((group) => !tcp.has(group)).map((group) => [group, dump(group)]));
  for (const group of tcp) images.set(group, dump(group));
  return {
    openFiles: tree.groups.flatMap((group) => images.get(group) ?? []),
    descriptors: tree.descriptors(),
  };
}

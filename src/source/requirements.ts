// What a tree needs of its target, found while it runs. Files are hashed here, once.
import { release } from 'node:os';
import type { Requirements } from '../images/requirements.ts';
import { bootId } from '../kernel/boot-id.ts';
import { readCpu } from '../kernel/cpu.ts';
import { isScratchFile } from '../kernel/live-process.ts';
import { canOpenMapping } from '../kernel/mapped-file.ts';
import { hasOtherNetwork } from '../kernel/network-namespace.ts';
import { readMaps } from '../kernel/proc/maps.ts';
import { readProcLink } from '../kernel/proc/read-proc.ts';
import { readSmaps } from '../kernel/proc/smaps.ts';
import { readStatus } from '../kernel/proc/status.ts';
import { readExecutable } from './deleted-files.ts';
import type { FileIdentities } from './file-identities.ts';
import { Layouts } from './layout.ts';
import { forwardedHosts, forwardingImage } from './forwarding/forwardable.ts';
import { movedAddresses, movingHosts, ownHosts } from './moving-addresses.ts';
import { openFileRequirements } from './open-file-requirements.ts';
import { HugePageCount } from './pages/huge-pages.ts';
import { isSealed } from './pages/sealed-ranges.ts';
import { objectKind } from './pages/shared-objects.ts';
import { isRemoved } from './removed-directories.ts';
import type { OpenFileOptions } from './resources/driver.ts';
import { readResourceLimits } from './state/credentials.ts';
import type { SurveyOptions } from './survey-options.ts';
import { segmentObject, unattachedSegments } from './sysv/segments.ts';
import { queueRequirements, semaphoreRequirements, sysvRequirements } from './sysv/requirements.ts';
import type { SourceProcess } from './tree.ts';

/** Preconditions: this agent is in the network of the tree, where it may go there. */
export function openFileOptions(
  root: number,
  {
    tcpClose,
    skipInFlight,
    moves,
    externals,
    keepConnections,
  }: Omit<SurveyOptions, 'pidNamespace' | 'links'>,
): OpenFileOptions {
  const hasOwn = hasOtherNetwork(root);
  const moving = hasOwn ? ownHosts() : movingHosts(moves);
  const forwarded = keepConnections === 'forward' && !hasOwn ? forwardedHosts() : new Set<string>();
  return { tcpClose, skipInFlight: skipInFlight || tcpClose, moving, forwarded, externals };
}

export function alive(processes: readonly SourceProcess[]): SourceProcess[] {
  return processes.filter(({ zombie }) => zombie === undefined);
}

interface Whose {
  readonly root: SourceProcess;
  readonly processes: readonly SourceProcess[];
  readonly identities: FileIdentities;
}

/** Everything that the target has to have, but for a network: found while the tree runs, in its network. */
export function requirementsOf({ root, processes, identities }: Whose, options: SurveyOptions): Requirements {
  const living = alive(processes);
  const layouts = new Layouts(identities);
  const places = new Set<string>();
  let memory = 0;
  let sharedAnonymous = false;
  let sealed = false;
  let protectionKeys = false;
  const hugePages = new HugePageCount();
  for (const process of living) {
    lookUnlessGone(process.pid, () => {
      const vmas = (readMaps(process.pid) ?? []).filter(
        (vma) => vma.special !== 'vsyscall' && !isScratchFile(vma),
      );
      sharedAnonymous ||= vmas.some((vma) => objectKind(vma) === 'anonymous');
      // Those that this agent cannot open are refused by the survey.
      const spaces = new Map([[process.pid, vmas.filter((vma) => canOpenMapping(process.pid, vma))]]);
      const { objects, spaces: images } = layouts.read(process, [process], spaces, new Set());
      const { hugetlbPagesKb = 0 } = readStatus(process.pid) ?? {};
      hugePages.add(
        images.flatMap(({ mappings }) => mappings),
        hugetlbPagesKb * 1024,
      );
      for (const { place } of objects) if (place !== undefined) places.add(place.directory);
      const exe = readProcLink(process.pid, 'exe'); // a thread of the kernel has none
      const file = exe === undefined ? undefined : readExecutable(process.pid, exe);
      if (file?.kind === 'named') identities.add(file.path, file.link, false);
    });
    const entries = readSmaps(process.pid) ?? [];
    sealed ||= entries.some((entry) => isSealed(entry));
    protectionKeys ||= entries.some(({ protectionKey = 0 }) => protectionKey !== 0);
    const status = readStatus(process.pid);
    memory += ((status?.rssAnonKb ?? 0) + (status?.rssShmemKb ?? 0)) * 1024;
  }
  const cpu = readCpu();
  hugePages.addObjects([...layouts.objects.values()]);
  const fileOptions = openFileOptions(root.pid, options);
  const open = openFileRequirements(living, fileOptions, identities.anew());
  for (const file of open.files) identities.adopt(file);
  return {
    bootId: bootId(),
    kernelRelease: release(),
    machine: 'x86_64',
    cpuFlags: [...cpu.flags],
    xstateSize: cpu.xsaveSize,
    pids: idsOf(processes),
    files: identities.list,
    directories: [...new Set([...open.directories, ...workingDirectories(living)])],
    places: [...places],
    sharedAnonymous,
    ports: open.ports,
    connections: open.connections,
    rawSockets: open.rawSockets,
    addresses: movedAddresses(options.moves),
    ...(fileOptions.forwarded.size === 0 ? {} : { forwarding: forwardingImage() }),
    interfaces: open.interfaces,
    elsewhere: open.elsewhere,
    inherited: open.inherited,
    terminals: open.terminals,
    messageQueues: open.messageQueues,
    fanotify: open.fanotify,
    sealed,
    protectionKeys,
    postCopy: options.postCopy === true,
    memory,
    hugePages: hugePages.all,
    ...identitiesOf(living),
    cgroupFreezer: true,
    hardLimits: [...highestLimits(living)].map(([resource, hard]) => ({ resource, hard })),
    sysv: [
      ...sysvRequirements([
        ...layouts.objects.values(),
        ...unattachedSegments(living).map((found) => segmentObject(found)),
      ]),
      ...queueRequirements(living),
      ...semaphoreRequirements(living),
    ],
    pidNamespace: options.pidNamespace,
  };
}

/** Those that are there. */
function workingDirectories(processes: readonly SourceProcess[]): string[] {
  const links = processes.flatMap(({ pid }) => readProcLink(pid, 'cwd') ?? []);
  return links.filter((link) => !isRemoved(link));
}

/** What a look throws at a process that ends meanwhile says nothing: such a process needs nothing. */
function lookUnlessGone(pid: number, look: () => void): void {
  try {
    look();
  } catch (error) {
    const state = readStatus(pid)?.state;
    if (state !== undefined && state !== 'Z' && state !== 'X') throw error;
  }
}

type Identities = Pick<Requirements, 'uids' | 'gids' | 'groups' | 'seccomp' | 'capabilities'>;

/** Whose threads they are, and what those may do. */
function identitiesOf(processes: readonly SourceProcess[]): Identities {
  const found = processes.flatMap(({ pid, threads }) =>
    threads.flatMap(({ tid }) => readStatus(pid, tid) ?? []),
  );
  const groups = new Map(found.map((status) => [status.groups.join(), [...status.groups]]));
  return {
    uids: [...new Set(found.flatMap(({ uid }) => uid))],
    gids: [...new Set(found.flatMap(({ gid }) => gid))],
    groups: [...groups.values()],
    seccomp: found.some(({ seccomp }) => seccomp !== 0),
    capabilities: found.some(({ capPrm }) => capPrm !== 0n),
  };
}

/** PIDs, TIDs, and the IDs of groups and sessions: all of them have to be free on the target. */
function idsOf(processes: readonly SourceProcess[]): number[] {
  const ids = processes.flatMap(({ vpid, pgid, sid, threads }) => [
    vpid,
    pgid,
    sid,
    ...threads.map(({ vtid }) => vtid),
  ]);
  return [...new Set(ids)].filter((id) => id > 0);
}

function highestLimits(processes: readonly SourceProcess[]): Map<number, bigint> {
  const highest = new Map<number, bigint>();
  for (const { pid } of processes) {
    for (const { resource, hard } of readResourceLimits(pid)) {
      if (hard > (highest.get(resource) ?? -1n)) highest.set(resource, hard);
    }
  }
  return highest;
}

// What stands in the way of a migration: on the source, and, when a target is there to be asked, on the target.
// Nothing here disturbs the tree.
import { release } from 'node:os';
import type { Blocker, Requirements } from '../images/requirements.ts';
import { GodwitError } from '../errors.ts';
import { bootId } from '../kernel/boot-id.ts';
import { readCpu } from '../kernel/cpu.ts';
import { isScratchFile } from '../kernel/live-process.ts';
import { canOpenMapping } from '../kernel/mapped-file.ts';
import { pause } from '../kernel/pause.ts';
import { readMaps } from '../kernel/proc/maps.ts';
import { readProcLink } from '../kernel/proc/read-proc.ts';
import { readStatus } from '../kernel/proc/status.ts';
import { hasCapability, learnRights } from '../kernel/rights.ts';
import type { ControlConnection } from '../transport/control-connection.ts';
import { readExecutable } from './deleted-files.ts';
import { FileIdentities } from './file-identities.ts';
import { Layouts } from './layout.ts';
import { openFileRequirements, surveyOpenFiles } from './open-files.ts';
import { objectKind } from './pages/shared-objects.ts';
import { readResourceLimits } from './state/credentials.ts';
import { ancestors, surveyTree } from './survey.ts';
import { inVfork } from './survey-sharing.ts';
import { segmentObject, unattachedSegments } from './sysv/segments.ts';
import { queueRequirements, semaphoreRequirements, sysvRequirements } from './sysv/requirements.ts';
import { readSourceTree, type SourceProcess } from './tree.ts';

export type PidNamespaceChoice = Requirements['pidNamespace'];

export interface SurveyOptions {
  readonly tcpClose: boolean;
  readonly pidNamespace: PidNamespaceChoice;
}

export interface Survey {
  readonly root: SourceProcess;
  readonly processes: SourceProcess[];
  readonly blockers: Blocker[];
  readonly identities: FileIdentities;
}

/** Looks at a tree. @throws GodwitError NO_PROCESS, NO_RIGHTS, REFUSED: it cannot be looked at at all. */
export function survey(pid: number, options: SurveyOptions): Survey {
  refuseAncestors(pid);
  let seen = look(pid, options);
  const lookAgain = (): void => {
    const before = new Set(seen.blockers.map(nameOf));
    const now = look(pid, options);
    seen = { ...now, blockers: now.blockers.filter((blocker) => before.has(nameOf(blocker))) };
  };
  // The tree runs: a process that forks, a server that accepts and closes show half-done things that are gone a moment later.
  for (let again = 1; again < looks && seen.blockers.length > 0; again++) lookAgain();
  for (let waits = 0; waits < 10 && seen.blockers.some(({ reason }) => reason === inVfork); waits++) {
    pause(vforkPauseMs);
    lookAgain();
  }
  return seen;
}

/** A blocker must have been seen so often, at the same object and for the same reason. */
const looks = 3;
/** A vfork must have been there for a second. */
const vforkPauseMs = 100;
const nameOf = ({ object, reason }: Blocker): string => `${object}: ${reason}`;

function look(pid: number, options: SurveyOptions): Survey {
  learnRights();
  const processes = readSourceTree(pid);
  const root = processes.find((process) => process.pid === pid);
  if (root === undefined) throw new GodwitError('NO_PROCESS', `process ${pid} ended while it was looked at`);
  refuseForeign(processes);
  const blockers = [
    ...surveyTree(processes),
    ...surveyOpenFiles(alive(processes), { tcpClose: options.tcpClose }),
  ];
  return { root, processes, blockers, identities: new FileIdentities() };
}

export function alive(processes: readonly SourceProcess[]): SourceProcess[] {
  return processes.filter(({ zombie }) => zombie === undefined);
}

/** Everything that the target has to have, found while the tree runs. Files are hashed here, once. */
function requirementsOf(
  { processes, identities }: Pick<Survey, 'processes' | 'identities'>,
  options: SurveyOptions,
): Requirements {
  const living = alive(processes);
  const layouts = new Layouts(identities);
  const places = new Set<string>();
  let memory = 0;
  let sharedAnonymous = false;
  for (const process of living) {
    lookUnlessGone(process.pid, () => {
      const vmas = (readMaps(process.pid) ?? []).filter(
        (vma) => vma.special !== 'vsyscall' && !isScratchFile(vma),
      );
      sharedAnonymous ||= vmas.some((vma) => objectKind(vma) === 'anonymous');
      // Those that this agent cannot open are refused by the survey.
      const spaces = new Map([[process.pid, vmas.filter((vma) => canOpenMapping(process.pid, vma))]]);
      const { objects } = layouts.read(process, [process], spaces, new Set());
      for (const { place } of objects) if (place !== undefined) places.add(place.directory);
      const exe = readProcLink(process.pid, 'exe'); // a thread of the kernel has none
      const file = exe === undefined ? undefined : readExecutable(process.pid, exe);
      if (file?.kind === 'named') identities.add(file.path, file.link, false);
    });
    const status = readStatus(process.pid);
    memory += ((status?.rssAnonKb ?? 0) + (status?.rssShmemKb ?? 0)) * 1024;
  }
  const cpu = readCpu();
  const open = openFileRequirements(living, options);
  for (const file of open.files) identities.adopt(file);
  return {
    bootId: bootId(),
    kernelRelease: release(),
    machine: 'x86_64',
    cpuFlags: [...cpu.flags],
    xstateSize: cpu.xsaveSize,
    pids: idsOf(processes),
    files: identities.list,
    directories: [
      ...new Set([...open.directories, ...living.flatMap(({ pid }) => readProcLink(pid, 'cwd') ?? [])]),
    ],
    places: [...places],
    sharedAnonymous,
    ports: open.ports,
    connections: open.connections,
    interfaces: open.interfaces,
    terminals: open.terminals,
    messageQueues: open.messageQueues,
    memory,
    ...identitiesOf(living),
    cgroupFreezer: true,
    hardLimits: [...highestLimits(living)].map(([resource, hard]) => ({ resource, hard })),
    sysv: [
      ...sysvRequirements([...layouts.objects.values(), ...unattachedSegments(living).map(segmentObject)]),
      ...queueRequirements(living),
      ...semaphoreRequirements(living),
    ],
    pidNamespace: options.pidNamespace,
  };
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

/**
 * What the target has to say to the requirements. The tree runs: what it needed a moment ago and needs no more (a temporary file
 * that is removed meanwhile) stands in nobody's way.
 */
export async function askTarget(
  control: ControlConnection<'source'>,
  found: Survey,
  options: SurveyOptions,
  signal: AbortSignal,
): Promise<Blocker[]> {
  const ask = async (requirements: Requirements): Promise<Blocker[]> => {
    control.send({ type: 'check', requirements });
    const { blockers } = await control.expect('checked', { timeoutMs: 60_000, signal });
    return blockers;
  };
  let blockers = await ask(requirementsOf(found, options));
  for (let again = 1; again < looks && blockers.length > 0; again++) {
    const before = new Set(blockers.map(nameOf));
    const processes = readSourceTree(found.root.pid);
    const now = await ask(requirementsOf({ processes, identities: found.identities.anew() }, options));
    blockers = now.filter((blocker) => before.has(nameOf(blocker)));
  }
  return blockers;
}

/** Moving a process that the agent descends from would move the agent. */
function refuseAncestors(pid: number): void {
  if (pid === process.pid || ancestors().has(pid)) {
    throw new GodwitError(
      'REFUSED',
      `process ${pid} is an ancestor of this godwit, which would be part of the tree`,
      {
        hint: 'run migrate from outside the tree, for example from another login',
      },
    );
  }
}

/** Without rights over a process nothing can be read of it. */
function refuseForeign(processes: readonly SourceProcess[]): void {
  const effective = process.geteuid?.() ?? 0;
  // Files of /proc/PID belong to its user, and are opened to write as well (mem).
  if (effective === 0 || (hasCapability('sysPtrace') && hasCapability('dacOverride'))) return;
  for (const { pid, comm } of processes) {
    const uid = readStatus(pid)?.uid[0] ?? effective;
    if (uid === effective) continue;
    throw new GodwitError(
      'NO_RIGHTS',
      `process ${pid} (${comm}) belongs to user ${uid}, and this is user ${effective} without CAP_SYS_PTRACE and CAP_DAC_OVERRIDE`,
      { hint: 'run migrate as root, or as that user' },
    );
  }
}

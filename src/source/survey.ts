// What cannot be carried, all of it at once, found without disturbing the tree. Each refusal names the object, the
// reason, and what can be done.
import { statSync } from 'node:fs';
import type { Blocker } from '../images/requirements.ts';
import { hugePageOf, isAnonymousHuge } from '../kernel/huge-pages.ts';
import { isScratchFile } from '../kernel/live-process.ts';
import { canOpenMapping, linkOfMapping, needsCheckpointRestore } from '../kernel/mapped-file.ts';
import { readProcLink } from '../kernel/proc/read-proc.ts';
import { readMaps } from '../kernel/proc/maps.ts';
import { may } from '../kernel/rights.ts';
import { readSmaps, type SmapsEntry } from '../kernel/proc/smaps.ts';
import { readStatus, type TaskStatus } from '../kernel/proc/status.ts';
import { readNamespaces } from '../kernel/proc/ns.ts';
import { readStat } from '../kernel/proc/stat.ts';
import { readAioRing } from './aio-ring.ts';
import { unlessGone } from './resources/unless-gone.ts';
import { sharedWithGuards } from './pages/guard-pages.ts';
import { keyOfStat, objectKind } from './pages/shared-objects.ts';
import { deletedFile, isDeletedFile, readExecutable, unmappedExecutable } from './deleted-files.ts';
import { isRemoved, nameOfRemoved } from './removed-directories.ts';
import { share } from './sharing.ts';
import { surveySharing } from './survey-sharing.ts';
import { surveySegments } from './sysv/segments.ts';
import { surveyQueues } from './sysv/queues.ts';
import { surveySemaphores } from './sysv/semaphores.ts';
import type { SourceProcess } from './tree.ts';
import { surveyHiddenGuards } from './pages/hidden-pages.ts';
import { surveyNamespaces } from './survey-namespaces.ts';
import { surveyRights } from './survey-rights.ts';
import { blocker } from './blocker.ts';
import { inPostCopy } from './post-copy/in-post-copy.ts';
import { isZeroDevice } from './zero-device.ts';

const kernelThread = 0x0020_0000; // PF_KTHREAD

/** Everything that stands in the way but for open files (source/open-files.ts). */
export function surveyTree(processes: readonly SourceProcess[]): Blocker[] {
  return [
    ...processes.flatMap(surveyProcess),
    ...surveySharing(processes),
    ...surveySegments(processes.map(({ pid }) => readMaps(pid) ?? [])),
    ...surveyQueues(processes),
    ...surveySemaphores(processes),
    ...surveyAgent(processes),
    ...surveyRights(processes),
    ...surveyHiddenGuards(),
  ];
}

/** The agent itself cannot be part of what it moves. */
function surveyAgent(processes: readonly SourceProcess[]): Blocker[] {
  if (!processes.some(({ pid }) => pid === process.pid)) return [];
  const object = `process ${processes[0]?.pid ?? 0}`;
  return [
    blocker(
      object,
      'godwit itself runs inside this tree',
      'run migrate from a shell that is not a descendant of it',
    ),
  ];
}

function surveyProcess(process: SourceProcess): Blocker[] {
  const { pid } = process;
  const name = `process ${pid} (${process.comm})`;
  const status = readStatus(pid);
  const stat = readStat(pid);
  if (status === undefined || stat === undefined) return [];
  if ((stat.flags & kernelThread) !== 0) {
    return [blocker(name, 'it is a thread of the kernel', 'choose a process of a program')];
  }
  if (process.zombie !== undefined) {
    if (process.parent !== undefined) return [];
    return [
      blocker(name, 'it has ended already and waits for its parent (a zombie)', 'nothing is left to move'),
    ];
  }
  return [
    ...surveyStatus(name, status),
    ...surveyNamespaces(name, pid, networkOf(process)),
    ...surveyRoot(name, pid),
    ...surveyExecutable(name, pid),
    ...surveyThreads(process),
    ...surveyMemory(name, pid),
  ];
}

/** The network of the root; undefined: it is gone. */
function networkOf(process: SourceProcess): number | undefined {
  let root = process;
  while (root.parent !== undefined) root = root.parent;
  return readNamespaces(root.pid)?.net;
}

function surveyStatus(name: string, { tracerPid }: TaskStatus): Blocker[] {
  if (tracerPid === 0) return [];
  return [blocker(name, `process ${tracerPid} traces it (a debugger, strace)`, 'end the debugger first')];
}

/**
 * Seccomp is kept by each thread. In strict mode the kernel kills at the first call of what cures an injection, should the
 * agent die meanwhile. Filters can be read from stopped threads only (state/seccomp.ts).
 */
function surveyThreads(process: SourceProcess): Blocker[] {
  const { pid, comm, threads } = process;
  const nameOf = (tid: number): string => `thread ${tid} of process ${pid} (${comm})`;
  const strict = threads.find(({ tid }) => readStatus(pid, tid)?.seccomp === 1);
  const filtered = may('ptrace-suspend-seccomp')
    ? undefined
    : threads.find(({ tid }) => readStatus(pid, tid)?.seccomp === 2);
  const inStrictMode = 'it runs in strict seccomp mode, so that looking into it could end it';
  const ownPlaces = threads.filter(({ tid }) => tid !== pid && !share('places', pid, tid) && readStatus(tid));
  const withoutIt = 'none in this version: start the program without';
  return [
    ...(strict === undefined
      ? []
      : [
          blocker(
            nameOf(strict.tid),
            inStrictMode,
            'start it without, or under a filter that allows the same',
          ),
        ]),
    ...(filtered === undefined
      ? []
      : [
          blocker(
            nameOf(filtered.tid),
            'it has seccomp filters, and only CAP_SYS_ADMIN lets godwit read and suspend them',
            'run migrate as root',
          ),
        ]),
    ...ownPlaces.map(({ tid }) =>
      blocker(nameOf(tid), 'it has a working directory of its own (unshare CLONE_FS)', withoutIt),
    ),
  ];
}

/** What it takes for the root: everything that it names begins there. */
function surveyRoot(name: string, pid: number): Blocker[] {
  const path = readProcLink(pid, 'root');
  if (path === undefined || !isRemoved(path)) return [];
  const reason = `its root directory ${nameOfRemoved(path)} was removed`;
  return [blocker(name, reason, 'let it call chroot(2) for a directory that is there')];
}

/** Without a name it is carried as what is mapped of it. */
function surveyExecutable(name: string, pid: number): Blocker[] {
  const exe = may('map-files') ? readProcLink(pid, 'exe') : undefined; // else its mappings are refused
  const file = exe === undefined ? undefined : unlessGone(() => readExecutable(pid, exe));
  if (file?.kind !== 'nameless') return [];
  const isMapped = (readMaps(pid) ?? []).some(
    (vma) =>
      vma.deleted &&
      vma.inode !== 0 &&
      unlessGone(() => keyOfStat(statSync(linkOfMapping(pid, vma), { bigint: true }))) === file.key,
  );
  return isMapped ? [] : [blocker(name, unmappedExecutable, 'start the program again')];
}

function surveyMemory(name: string, pid: number): Blocker[] {
  const mappings = readSmaps(pid) ?? [];
  const guarded = sharedWithGuards(pid, mappings);
  return mappings.flatMap((entry) => {
    const reason = guarded.has(entry) ? guardedShared : refusedMapping(pid, entry);
    if (reason === undefined) return [];
    const place = `${entry.start.toString(16)}-${entry.end.toString(16)}`;
    return [blocker(`${name} mapping ${place} ${entry.path}`.trim(), reason[0], reason[1])];
  });
}

const guardedShared = [
  'it is shared memory with guard pages (MADV_GUARD_INSTALL)',
  'have the program protect those pages by mprotect(2)',
] as const;

/** Why a mapping cannot be carried, and what can be done; undefined when it can. */
function refusedMapping(pid: number, entry: SmapsEntry): [reason: string, remedy: string] | undefined {
  const has = (flag: string): boolean => entry.vmFlags.includes(flag);
  if (['vdso', 'vvar', 'vvar_vclock', 'vsyscall'].includes(entry.special ?? '')) return undefined;
  if (entry.path === '/[aio]') {
    const ring = readAioRing(pid, entry);
    return ring?.head === ring?.tail
      ? undefined
      : ['an AIO ring with events that were not fetched', 'try again'];
  }
  if (has('ht') && hugePageOf(entry) === undefined)
    return [
      'a file of hugetlbfs, which is on no other host',
      'use MAP_HUGETLB or memfd_create(2) with MFD_HUGETLB',
    ];
  if (has('um') && inPostCopy())
    return [
      'it has arrived here and is in post-copy: some of its memory is still on the host that it came from',
      'wait until godwit migrate there has ended',
    ];
  if (has('um') || has('uw') || has('ui'))
    return ['the program uses userfaultfd itself', 'none in this version'];
  if (has('io') || has('pf')) return ['it maps a device', 'close the device first'];
  if (entry.protectionKey !== undefined && entry.protectionKey !== 0 && !may('protection-keys'))
    return [
      'it has a protection key, and this kernel lets no tracer say what threads may do by it (PKRU)',
      'boot another kernel here',
    ];
  if (entry.path.startsWith('anon_inode:'))
    return [`it maps ${entry.path}`, 'start the program without it (io_uring, perf, bpf)'];
  if (isScratchFile(entry)) return undefined;
  if (!canOpenMapping(pid, entry))
    return [`it has no name that leads there, and ${needsCheckpointRestore}`, 'run migrate as root'];
  if (objectKind(entry) !== undefined || isAnonymousHuge(entry)) return undefined;
  if (isDeletedFile(entry)) return refusedDeleted(pid, entry);
  if (isZeroDevice(pid, entry)) return undefined;
  if (entry.path.startsWith('/dev/') && !entry.path.startsWith('/dev/shm/'))
    return ['it maps a device', 'close the device first'];
  return undefined;
}

/** A file whose name was taken away: only one that still has others, elsewhere, cannot be carried. */
function refusedDeleted(pid: number, entry: SmapsEntry): [reason: string, remedy: string] | undefined {
  const file = unlessGone(() => deletedFile(linkOfMapping(pid, entry), entry.path, entry.shared));
  if (file?.kind !== 'elsewhere') return undefined;
  return [
    `the file ${entry.path} has lost that name while its memory is shared, and its other names are not in the same directory`,
    'give it a name there again (ln), or restart the program, so that it uses the file that is there',
  ];
}

/** PIDs of processes that the agent descends from. */
export function ancestors(): Set<number> {
  const found = new Set<number>();
  for (let pid = readStat(process.pid)?.ppid ?? 0; pid > 0 && !found.has(pid); pid = readStat(pid)?.ppid ?? 0)
    found.add(pid);
  return found;
}

// The tree as it is right now: which processes and threads there are, parents before children.
import { GodwitError } from '../errors.ts';
import type { Fence } from '../kernel/fence.ts';
import type { Stat } from '../kernel/proc/stat.ts';
import { readStatus } from '../kernel/proc/status.ts';
import { readTids } from '../kernel/proc/task.ts';
import { readTree, type TreeEntry, type TreeOptions } from '../kernel/proc/tree.ts';

export interface SourceThread {
  /** As the agent sees it. */
  readonly tid: number;
  /** As the tree sees itself: in the innermost PID namespace. */
  readonly vtid: number;
}

export interface SourceProcess {
  readonly pid: number;
  readonly vpid: number;
  readonly parent: SourceProcess | undefined;
  /** As the tree sees them; 0 when the leader is outside its PID namespace. */
  readonly pgid: number;
  readonly sid: number;
  /** The leader first. */
  readonly threads: readonly SourceThread[];
  /** Wait status of a zombie. */
  readonly zombie: number | undefined;
  readonly exitSignal: number;
  /** Device number of its controlling terminal, 0: none. */
  readonly terminal: number;
  /** Start time in clock ticks: tells a PID that was used again. */
  readonly startTime: number;
  readonly comm: string;
  /** As they were when the tree was read. */
  readonly stat: Stat;
  readonly umask: number | undefined;
}

/** Our own processes above a restored tree: no part of it. */
const ownNames = new Set(['godwit-keeper', 'godwit-init']);

/** Reads the tree below `root`. Tasks that end meanwhile are left out; `members` adds orphans that fell out of it. @throws GodwitError NO_PROCESS */
export function readSourceTree(
  root: number,
  members: readonly number[] = [],
  options: TreeOptions = {},
): SourceProcess[] {
  const found = new Map<number, TreeEntry>(readTree(root, options).map((entry) => [entry.pid, entry]));
  if (!found.has(root)) throw noProcess(root);
  for (const pid of members) {
    if (found.has(pid)) continue;
    for (const entry of readTree(pid, options)) if (!found.has(entry.pid)) found.set(entry.pid, entry);
  }
  const tree = new Map<number, SourceProcess>();
  // Parents first: a PID may be lower than its parent's, so the order comes from walking down.
  const children = new Map<number, TreeEntry[]>();
  for (const entry of found.values()) {
    const siblings = children.get(entry.ppid);
    if (siblings === undefined) children.set(entry.ppid, [entry]);
    else siblings.push(entry);
  }
  const queue = [...found.values()].filter(({ ppid }) => !found.has(ppid));
  queue.sort((a, b) => Number(b.pid === root) - Number(a.pid === root));
  for (const entry of queue) {
    const process = readProcess(entry, tree.get(entry.ppid));
    if (process === undefined) continue;
    tree.set(entry.pid, process);
    queue.push(...(children.get(entry.pid) ?? []).filter((child) => child !== entry));
  }
  return [...tree.values()];
}

/** The tree of a fence, which takes in who is not inside yet. `frozen`: nobody in it runs, so once is enough. @throws GodwitError NO_PROCESS */
export function readFencedTree(
  root: number,
  fence: Pick<Fence, 'pids' | 'rescan'>,
  frozen: boolean,
): SourceProcess[] {
  if (frozen) {
    const inside = new Set(fence.pids());
    const seen = readSourceTree(root, [...inside], { maxPasses: 1 });
    if (seen.every(({ pid, zombie }) => zombie !== undefined || inside.has(pid))) return seen;
  }
  return readSourceTree(root, fence.rescan());
}

function readProcess(stat: TreeEntry, parent: SourceProcess | undefined): SourceProcess | undefined {
  const { pid } = stat;
  const status = readStatus(pid);
  if (status === undefined || stat.state === 'X' || ownNames.has(stat.comm)) return undefined;
  const isZombie = stat.state === 'Z';
  const threads: SourceThread[] = isZombie
    ? [{ tid: pid, vtid: last(status.nsPid, pid) }]
    : readThreads(pid, status, stat.tids);
  if (threads.length === 0) return undefined;
  return {
    pid,
    vpid: last(status.nsPid, pid),
    parent,
    pgid: last(status.nsPgid, stat.pgrp),
    sid: last(status.nsSid, stat.session),
    threads,
    zombie: isZombie ? stat.exitCode : undefined,
    exitSignal: stat.exitSignal,
    terminal: stat.ttyNr,
    startTime: stat.startTime,
    comm: stat.comm,
    stat,
    umask: status.umask,
  };
}

/** The threads of a process, the leader first. `ofLeader`: its status, `tids`: they, should they have been read. */
export function readThreads(
  pid: number,
  ofLeader = readStatus(pid),
  tids: readonly number[] = readTids(pid) ?? [],
): SourceThread[] {
  const threads: SourceThread[] = [];
  // Threads are in the PID namespace of their leader (clone(2): no CLONE_THREAD with CLONE_NEWPID).
  const isOurNamespace = ofLeader?.nsPid.length === 1;
  for (const tid of tids) {
    const vtid = isOurNamespace ? tid : readStatus(pid, tid)?.nsPid.at(-1);
    if (vtid !== undefined) threads.push({ tid, vtid });
  }
  return threads.sort((a, b) => Number(b.tid === pid) - Number(a.tid === pid));
}

function last(ids: readonly number[], otherwise: number): number {
  return ids.at(-1) ?? otherwise;
}

function noProcess(pid: number): GodwitError {
  return new GodwitError('NO_PROCESS', `there is no process ${pid}`, { hint: 'look with: ps -e' });
}

// The tree as it is right now: which processes and threads there are, parents before children.
import { GodwitError } from '../errors.ts';
import { readStat } from '../kernel/proc/stat.ts';
import { readStatus } from '../kernel/proc/status.ts';
import { readTids } from '../kernel/proc/task.ts';
import { readTree } from '../kernel/proc/tree.ts';

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
}

/** Our own processes above a restored tree: no part of it. */
const ownNames = new Set(['godwit-keeper', 'godwit-init']);

/** Reads the tree below `root`. Tasks that end meanwhile are left out; `members` adds orphans that fell out of it. */
export function readSourceTree(root: number, members: readonly number[] = []): SourceProcess[] {
  const found = new Map<number, number>(readTree(root).map((entry) => [entry.pid, entry.ppid]));
  if (!found.has(root)) throw noProcess(root);
  for (const pid of members) {
    if (found.has(pid)) continue;
    for (const entry of readTree(pid)) if (!found.has(entry.pid)) found.set(entry.pid, entry.ppid);
  }
  const tree = new Map<number, SourceProcess>();
  // Parents first: a PID may be lower than its parent's, so the order comes from walking down.
  const children = new Map<number, number[]>();
  for (const [pid, ppid] of found) children.set(ppid, [...(children.get(ppid) ?? []), pid]);
  const queue = [...found.keys()].filter((pid) => !found.has(found.get(pid) ?? 0));
  queue.sort((a, b) => Number(b === root) - Number(a === root));
  for (let pid = queue.shift(); pid !== undefined; pid = queue.shift()) {
    const process = readProcess(pid, tree.get(found.get(pid) ?? 0));
    if (process === undefined) continue;
    tree.set(pid, process);
    queue.push(...(children.get(pid) ?? []).filter((child) => child !== pid));
  }
  return [...tree.values()];
}

function readProcess(pid: number, parent: SourceProcess | undefined): SourceProcess | undefined {
  const stat = readStat(pid);
  const status = readStatus(pid);
  if (stat === undefined || status === undefined || stat.state === 'X' || ownNames.has(stat.comm))
    return undefined;
  const isZombie = stat.state === 'Z';
  const threads: SourceThread[] = isZombie
    ? [{ tid: pid, vtid: last(status.nsPid, pid) }]
    : readThreads(pid, status);
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
  };
}

/** The threads of a process, the leader first. `ofLeader`: its status, should it have been read. */
export function readThreads(pid: number, ofLeader = readStatus(pid)): SourceThread[] {
  const threads: SourceThread[] = [];
  // Threads are in the PID namespace of their leader (clone(2): no CLONE_THREAD with CLONE_NEWPID).
  const isOurNamespace = ofLeader?.nsPid.length === 1;
  for (const tid of readTids(pid) ?? []) {
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

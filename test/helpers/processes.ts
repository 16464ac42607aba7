// What /proc says about processes, seen from the test's own PID namespace: who lives in a host, and under which PID outside.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it has ended meanwhile
  }
}

function linkOrEmpty(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

export interface SeenProcess {
  /** PID in the namespace of the test. */
  readonly outsidePid: number;
  /** PIDs from the test's namespace inwards. */
  readonly nsPids: readonly number[];
  readonly parent: number;
  readonly state: string;
  readonly command: string;
  readonly pidNamespace: string;
}

export function lookAt(outsidePid: number): SeenProcess | undefined {
  const status = readOrEmpty(`/proc/${outsidePid}/status`);
  const field = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '';
  if (status === '') return undefined;
  const cmdline = readOrEmpty(`/proc/${outsidePid}/cmdline`).replaceAll('\0', ' ').trim();
  return {
    outsidePid,
    nsPids: field('NSpid').split(/\s+/).map(Number),
    parent: Number(field('PPid')),
    state: field('State').charAt(0),
    command: cmdline === '' ? `[${field('Name')}]` : cmdline,
    pidNamespace: linkOrEmpty(`/proc/${outsidePid}/ns/pid`),
  };
}

export function allProcesses(): SeenProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => lookAt(Number(name)))
    .filter((seen) => seen !== undefined);
}

/**
 * The processes inside the PID namespace whose init is `initPid` (outside), nested namespaces included, the init
 * itself not. A zombie has no namespace link any more and is found by its parent.
 */
export function processesBelow(initPid: number): SeenProcess[] {
  const init = lookAt(initPid);
  if (init === undefined) return [];
  const depth = init.nsPids.length;
  const all = allProcesses();
  const inside = new Set<number>([initPid]);
  for (const seen of all) if (seen.pidNamespace === init.pidNamespace) inside.add(seen.outsidePid);
  for (let grown = true; grown;) {
    grown = false;
    for (const seen of all) {
      if (seen.nsPids.length < depth || inside.has(seen.outsidePid) || !inside.has(seen.parent)) continue;
      inside.add(seen.outsidePid);
      grown = true;
    }
  }
  inside.delete(initPid);
  return all.filter((seen) => inside.has(seen.outsidePid));
}

/** The PID outside of the process that calls itself `pid` in the namespace of `initPid`. */
export function outsidePidOf(initPid: number, pid: number): number | undefined {
  const depth = lookAt(initPid)?.nsPids.length;
  if (depth === undefined) return undefined;
  return processesBelow(initPid).find((seen) => seen.nsPids[depth - 1] === pid)?.outsidePid;
}

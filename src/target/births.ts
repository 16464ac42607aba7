// Carries out a plan of births: remote clone3 with the PIDs wanted, sessions, groups, and the end of helpers.
import { GodwitError } from '../errors.ts';
import type { Mapping } from '../images/memory.ts';
import { errnoName, Program } from '../kernel/program.ts';
import type { BirthStep } from './birth-plan.ts';
import { endShell } from './end-shell.ts';
import { shareKinds, sharesNothing, Shell, type ShareKind, type Sharing } from './shell.ts';

const cloneVm = 0x100;
const shareFlags: Readonly<Record<ShareKind, number>> = {
  places: 0x200, // CLONE_FS
  descriptors: 0x400, // CLONE_FILES
  memory: cloneVm,
  handlers: 0x800, // CLONE_SIGHAND
};
const cloneParent = 0x8000;
const cloneThread = 0x1_0000;
/** CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM. */
const threadFlags = 0x100 | 0x200 | 0x400 | 0x800 | cloneThread | 0x4_0000;
const eexist = -17;
const dontFork = 10;
const sigchld = 17;
const prSetChildSubreaper = 36;

export interface Births {
  readonly shells: Map<number, Shell>;
  /** Makes the very first process. */
  spawn(vpid: number, sid: number): Shell;
  /** Hears of leaders of sessions before they bear children. */
  founded(shell: Shell): void;
  /** Signal sent to the parent at the end. */
  exitSignal(vpid: number): number;
  /** What it has in common with its parent. */
  shares(vpid: number): Sharing;
}

/** Returns the vpids that were born and stay. */
export function carryOut(steps: readonly BirthStep[], births: Births): readonly number[] {
  const { shells } = births;
  const born = new Set<number>();
  const get = (vpid: number): Shell => shellOf(shells, vpid);
  const add = (shell: Shell): void => {
    shells.set(shell.vpid, shell);
    born.add(shell.vpid);
  };
  for (const step of steps) {
    const { vpid } = step;
    if (step.step === 'spawn') add(births.spawn(vpid, step.sid));
    else if (step.step === 'clone')
      add(
        cloneProcess(get(step.from), vpid, births.exitSignal(vpid), {
          sibling: step.sibling,
          ...(step.sibling ? {} : { shares: births.shares(vpid) }),
        }),
      );
    else if (step.step === 'orphan') add(bearOrphan(get(step.from), vpid, shells.get(step.heir)));
    else if (step.step === 'clone-for') add(bearFor(get(step.heir), get(step.from), vpid));
    else if (step.step === 'found-session') {
      foundSession(get(vpid));
      births.founded(get(vpid));
    } else if (step.step === 'join-group') joinGroup(get(vpid), step.pgid);
    else {
      endShell(get(vpid), shells.get(get(vpid).ppid));
      shells.delete(vpid);
      born.delete(vpid);
    }
  }
  return [...born];
}

export function shellOf(shells: ReadonlyMap<number, Shell>, vpid: number): Shell {
  const shell = shells.get(vpid);
  if (shell === undefined) throw new GodwitError('INTERNAL', `there is no shell of process ${vpid}`);
  return shell;
}

interface CloneOptions {
  readonly sibling?: boolean;
  readonly shares?: Sharing;
}

/** clone3 of a process with its PID. vpid 0: any PID. */
function cloneProcess(from: Shell, vpid: number, exitSignal: number, options: CloneOptions = {}): Shell {
  const { sibling = false, shares = sharesNothing } = options;
  const flags = shareKinds.reduce(
    (all, kind) => all | (shares[kind] ? shareFlags[kind] : 0),
    sibling ? cloneParent : 0,
  );
  const [result, pid] = cloneOne(from, vpid, flags, sibling ? 0 : exitSignal);
  const shell = new Shell({
    vpid: result,
    pid,
    scratch: from.scratch,
    agentPidfd: from.agentPidfd,
    mappings: shares.memory ? from.mappings : from.mappings.filter(isInherited),
    ppid: sibling ? from.ppid : from.vpid,
    sid: from.sid,
    pgid: from.pgid,
    shares,
  });
  shell.terminal = from.terminal;
  return shell;
}

/**
 * A process for a moment, in the memory of `from`, with descriptors of its own: end it by endShell. vpid 0: any PID.
 * @throws GodwitError PID_TAKEN
 */
export function bearStandIn(from: Shell, vpid: number): Shell {
  const [result, pid] = cloneOne(from, vpid, cloneVm, 0);
  const { scratch, agentPidfd, mappings, sid, pgid } = from;
  return new Shell({ vpid: result, pid, scratch, agentPidfd, mappings, ppid: from.vpid, sid, pgid });
}

/** Born by a child of `from` that ends at once: the heir, the keeper, or the namespace's init becomes its parent. */
function bearOrphan(from: Shell, vpid: number, heir: Shell | undefined): Shell {
  if (heir !== undefined) becomeSubreaper(heir);
  const helpers = [cloneProcess(from, 0, sigchld)];
  // The first may have been given the very PID that is wanted: then it keeps it until the second is there.
  if (helpers[0]?.vpid === vpid) helpers.unshift(cloneProcess(from, 0, sigchld));
  for (const spare of helpers.slice(1)) endShell(spare, from);
  const [helper] = helpers;
  if (helper === undefined) throw new GodwitError('INTERNAL', 'no helper was born');
  try {
    const shell = cloneProcess(helper, vpid, sigchld);
    shell.ppid = heir?.vpid ?? 0;
    return shell;
  } finally {
    endShell(helper, from);
  }
}

/** Born by a helper whose end makes `heir` the parent. */
function bearFor(heir: Shell, helper: Shell, vpid: number): Shell {
  becomeSubreaper(heir);
  const shell = cloneProcess(helper, vpid, sigchld);
  shell.ppid = heir.vpid;
  return shell;
}

/** Until its final state says whether it is one. */
export function becomeSubreaper(shell: Shell): void {
  const program = new Program();
  program.call('prctl', prSetChildSubreaper, 1, 0, 0, 0);
  shell.run(program);
}

/**
 * Threads, some hundred with one program. Those that were born are the shell's also when others were not: a leader's end is told
 * (wait(2)) only when no thread of it is left, so a thread that nobody knew would keep the whole tree from ending.
 * @throws GodwitError PID_TAKEN, REMOTE_CALL
 */
export function bearThreads(shell: Shell, vtids: readonly number[]): void {
  for (let i = 0; i < vtids.length; i += 500) {
    const ids = vtids.slice(i, i + 500);
    const { born, error } = clone(shell, ids, threadFlags, 0);
    for (const [vtid, tid] of born) shell.tids.set(vtid, tid);
    if (error !== undefined) throw birthError(shell, ids, error);
  }
}

/** @throws GodwitError PID_TAKEN, REMOTE_CALL */
function cloneOne(from: Shell, id: number, flags: number, exitSignal: number): [number, number] {
  const { born, error } = clone(from, [id], flags, exitSignal);
  const [one] = born;
  if (error !== undefined || one === undefined) throw birthError(from, [id], error ?? 0);
  return one;
}

/** `born`: pairs of ID in the tree and ID for the agent; `error`: negative errno of the first that was not born. */
function clone(
  from: Shell,
  ids: readonly number[],
  flags: number,
  exitSignal: number,
): { born: [number, number][]; error: number | undefined } {
  const program = new Program();
  const results = ids.map((id) => {
    const setTid = id === 0 ? 0 : from.scratch.place(new Uint8Array(Uint32Array.of(id).buffer));
    // struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size
    const args = program.words(flags, 0, 0, 0, exitSignal, 0, 0, 0, setTid, id === 0 ? 0 : 1);
    return program.attempt('clone3', args, 80);
  });
  const { outcome, born } = from.bear(program);
  const numbers = results.map((result) => outcome.number(result));
  return {
    born: numbers.filter((number) => number > 0).map((number, i) => [number, born[i] ?? 0]),
    error: numbers.find((number) => number <= 0),
  };
}

function birthError(from: Shell, ids: readonly number[], errno: number): GodwitError {
  const which = `${ids.slice(0, 8).join(', ')}${ids.length > 8 ? ', ...' : ''}`;
  if (errno !== eexist) {
    return new GodwitError('REMOTE_CALL', `${from.name}: clone3 of ${which} failed with ${errnoName(errno)}`);
  }
  return new GodwitError('PID_TAKEN', `an ID of the tree is in use on the target (one of ${which})`, {
    hint: 'use --pid-namespace new, or wait until the process that holds it has ended',
  });
}

/** From now on these are its own. Memory and handlers cannot be left: unshare(2) takes them of tasks that are alone only. */
export function unshare(shell: Shell, kind: 'places' | 'descriptors'): void {
  const program = new Program();
  program.call('unshare', shareFlags[kind]);
  shell.run(program);
  shell.shares = { ...shell.shares, [kind]: false };
}

function foundSession(shell: Shell): void {
  const program = new Program();
  program.call('setsid');
  shell.run(program);
  shell.sid = shell.vpid;
  shell.terminal = undefined;
  shell.pgid = shell.vpid;
}

function joinGroup(shell: Shell, pgid: number): void {
  const program = new Program();
  program.call('setpgid', 0, pgid);
  shell.run(program);
  shell.pgid = pgid;
}

/** fork(2) leaves out AIO rings and MADV_DONTFORK, and takes no locks along. */
function isInherited(mapping: Mapping): boolean {
  return mapping.kind !== 'aio' && !mapping.advice.includes(dontFork);
}

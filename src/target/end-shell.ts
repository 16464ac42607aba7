// Ends shells and threads of shells, and clears away what is left of them.
import { GodwitError } from '../errors.ts';
import { Program } from '../kernel/program.ts';
import { native } from '../native.ts';
import type { Shell } from './shell.ts';

const waitMs = 10_000;
/** WNOHANG | __WALL: of a child with any exit signal. */
const waitFlags = 0x4000_0001;

/** Kills a shell and reaps it: by us as its tracer, then by its parent, if that is a shell (the keeper reaps its own). */
export function endShell(shell: Shell, parent: Shell | undefined): void {
  killShell(shell);
  awaitShell(shell);
  if (parent !== undefined) reap(shell.vpid, parent);
}

export function killShell(shell: Shell): void {
  try {
    process.kill(shell.pid, 'SIGKILL');
  } catch {
    // it is gone already: what remains is to reap it
  }
}

/** Preconditions: it was killed. The leader comes last: the kernel tells its end when the others are reaped. */
export function awaitShell(shell: Shell): void {
  for (const tid of shell.tids.values()) if (tid !== shell.pid) awaitEnd(tid, shell);
  awaitEnd(shell.pid, shell);
}

/** The parent's wait4: frees the PID. */
function reap(vpid: number, parent: Shell): void {
  const program = new Program();
  program.attempt('wait4', vpid, 0, waitFlags, 0);
  parent.run(program);
}

export function endThread(shell: Shell, vtid: number): void {
  const program = new Program();
  program.call('exit', 0);
  shell.scratch.runToEnd(shell.tid(vtid), program);
  awaitEnd(shell.tid(vtid), shell);
  shell.tids.delete(vtid);
}

/** Preconditions: it is dying. */
export function awaitEnd(tid: number, shell: Shell): void {
  for (;;) {
    const { kind } = native.waitStop(tid, waitMs);
    if (kind === 'exited' || kind === 'killed' || kind === 'gone') return;
    if (kind === 'timeout') throw new GodwitError('TIMEOUT', `${shell.name} does not end (task ${tid})`);
  }
}

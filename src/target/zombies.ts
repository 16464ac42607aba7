// Processes that have ended and wait for their parents: their shells end in the same way, last of all, so that the
// parents find them. Before the parents' actions are set: a shell's parent does not ignore SIGCHLD.
import { GodwitError } from '../errors.ts';
import type { ProcessLayout } from '../images/layout.ts';
import { Program } from '../kernel/program.ts';
import { native } from '../native.ts';
import { awaitEnd, killShell } from './end-shell.ts';
import type { Shell } from './shell.ts';

const rlimitCore = 4;
const sigkill = 9;
const stopMs = 5000;

/** `status`: what wait(2) is to tell. */
export function becomeZombie(shell: Shell, { zombie: status = 0 }: ProcessLayout): void {
  const signal = status & 0x7f;
  if (signal === 0) exit(shell, (status >> 8) & 0xff);
  else dieBy(shell, signal);
}

function exit(shell: Shell, code: number): void {
  const program = new Program();
  program.call('exit_group', code);
  shell.scratch.runToEnd(shell.pid, program);
  awaitEnd(shell.pid, shell);
}

/** The signal is sent while it is blocked and acts when the thread goes on without a tracer's say. */
function dieBy(shell: Shell, signal: number): void {
  if (signal === sigkill) {
    killShell(shell);
    awaitEnd(shell.pid, shell);
    return;
  }
  const program = new Program();
  program.call('prlimit64', 0, rlimitCore, program.words(0, 0), 0);
  program.call('tgkill', shell.vpid, shell.vpid, signal);
  shell.run(program);
  native.setSigmask(shell.pid, 0n);
  native.cont(shell.pid, 0);
  const stop = native.waitStop(shell.pid, stopMs);
  if (stop.kind !== 'stopped' || stop.value !== signal) {
    throw new GodwitError(
      'INTERNAL',
      `${shell.name} does not take signal ${signal} (${stop.kind} ${stop.value})`,
    );
  }
  native.cont(shell.pid, signal);
  awaitEnd(shell.pid, shell);
}

// Controlling terminals of shells. Only a session's leader can take one (TIOCSCTTY), and only those that it bears afterwards
// have it too (copy_process in kernel/fork.c): so leaders take theirs before their children are born, and who is not to have it
// gives it up in the end.
import { closeSync } from 'node:fs';
import { GodwitError } from '../errors.ts';
import type { ProcessLayout } from '../images/layout.ts';
import type { TerminalName } from '../images/resources/terminal.ts';
import { Program } from '../kernel/program.ts';
import { openNoctty, openPeer, tty } from '../kernel/terminals.ts';
import type { Shell } from './shell.ts';
import { keyOf, type Terminals } from './terminals.ts';

const atFdcwd = -100;
const readWrite = 2;

/** Of each session whose leader is in the tree: members may have it that were read later than their leader. */
export function sessionTerminals(processes: readonly ProcessLayout[]): Map<number, TerminalName> {
  return new Map(processes.flatMap(({ sid, terminal }) => (terminal === undefined ? [] : [[sid, terminal]])));
}

/** Preconditions: the shell leads its session. @throws GodwitError REFUSED, REMOTE_CALL */
export function takeTerminal(shell: Shell, name: TerminalName, terminals: Terminals): void {
  if (shell.terminal === keyOf(name)) return;
  if (shell.terminal !== undefined) giveUpTerminal(shell);
  const slave = openPeer(terminals.claim(name).master);
  try {
    const program = new Program();
    const got = program.call('pidfd_getfd', shell.agentPidfd, slave, 0);
    program.call('ioctl', got, tty.makeControlling, 0);
    program.call('close', got);
    shell.run(program);
  } finally {
    closeSync(slave);
  }
  shell.terminal = keyOf(name);
}

/** Of a leader: nobody of its session has it afterwards. */
export function giveUpTerminal(shell: Shell): void {
  const program = new Program();
  const fd = program.call('openat', atFdcwd, program.cstring('/dev/tty'), readWrite | openNoctty, 0);
  program.call('ioctl', fd, tty.giveUpControlling, 0);
  program.call('close', fd);
  shell.run(program);
  shell.terminal = undefined;
}

/** Preconditions: all are born. @throws GodwitError REFUSED */
export function settleTerminals(shellOf: (vpid: number) => Shell, processes: readonly ProcessLayout[]): void {
  for (const { pid, sid, terminal, zombie } of processes) {
    if (zombie !== undefined) continue;
    const shell = shellOf(pid);
    const wanted = terminal && keyOf(terminal);
    if (shell.terminal === wanted) continue;
    if (wanted === undefined && pid !== sid) giveUpTerminal(shell);
    else {
      throw new GodwitError('REFUSED', `${shell.name} cannot have ${wanted ?? 'no'} controlling terminal`, {
        hint: 'its session took or gave up its terminal while it was copied: try again',
      });
    }
  }
}

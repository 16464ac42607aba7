// Which of the tree's own pseudoterminals are controlling terminals, and whose: the target must know before the children of a
// session's leader are born, for they inherit it (TIOCSCTTY is for leaders alone).
import type { TerminalName } from '../images/resources/terminal.ts';
import { askTerminal, slaveNumber, tty } from '../kernel/terminals.ts';
import { readDescriptors } from './resources/seen-file.ts';
import { terminalOf } from './resources/terminal-names.ts';
import { Thief } from './resources/thief.ts';
import { unlessGone } from './resources/unless-gone.ts';
import type { SourceProcess } from './tree.ts';

/** By PID as the agent sees it. A terminal outside the tree is left behind. */
export function controllingTerminals(processes: readonly SourceProcess[]): Map<number, TerminalName> {
  const found = new Map<number, TerminalName>();
  const having = processes.filter(
    ({ terminal, zombie }) => zombie === undefined && slaveNumber(terminal) !== undefined,
  );
  if (having.length === 0) return found;
  using thief = new Thief();
  const bySession = sessionTerminals(processes, thief);
  for (const { pid, sid, terminal } of having) {
    const name = bySession.get(sid);
    if (name !== undefined && name.number === slaveNumber(terminal)) found.set(pid, name);
  }
  return found;
}

/** By session as the tree sees it: what the masters of the tree say. */
function sessionTerminals(processes: readonly SourceProcess[], thief: Thief): Map<number, TerminalName> {
  const found = new Map<number, TerminalName>();
  for (const process of processes) {
    if (process.zombie !== undefined) continue;
    for (const file of readDescriptors(process)) {
      if (!file.link.endsWith('/ptmx')) continue;
      unlessGone(() => {
        const seen = terminalOf(file);
        if (seen?.isMaster !== true) return;
        const session = askTerminal(thief.fdOf(file), tty.getSession);
        const leader = processes.find(({ pid }) => pid === session);
        if (leader !== undefined) found.set(leader.vpid, seen.name);
      });
      thief.release();
    }
  }
  return found;
}

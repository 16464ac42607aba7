// All pseudoterminals of a tree, with the open files of their ends.
import type { TerminalName } from '../../images/resources/terminal.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { Program } from '../../kernel/program.ts';
import { askTerminal, slaveNumber, tty } from '../../kernel/terminals.ts';
import type { OpenFileGroup, SeenFile } from './seen-file.ts';
import { terminalOf } from './terminal-names.ts';
import type { Thief } from './thief.ts';
import { unlessGone } from './unless-gone.ts';

export interface TerminalEnds {
  readonly key: string;
  name: TerminalName;
  master: OpenFileGroup | undefined;
  /** Open ones, not /dev/tty. */
  readonly slaves: OpenFileGroup[];
}

const known = new WeakMap<readonly OpenFileGroup[], ReadonlyMap<string, TerminalEnds>>();

/** By key. Found once for each look at the tree. */
export function terminalPairs(groups: readonly OpenFileGroup[]): ReadonlyMap<string, TerminalEnds> {
  const before = known.get(groups);
  if (before !== undefined) return before;
  const pairs = new Map<string, TerminalEnds>();
  for (const group of groups) {
    const seen = unlessGone(() => terminalOf(group.first));
    if (seen === undefined) continue;
    const pair = pairs.get(seen.key) ?? { key: seen.key, name: seen.name, master: undefined, slaves: [] };
    pairs.set(seen.key, pair);
    if (!seen.isMaster) pair.slaves.push(group);
    else {
      pair.master = group;
      pair.name = seen.name;
    }
  }
  known.set(groups, pairs);
  return pairs;
}

export function pairOf(
  group: OpenFileGroup,
  groups: readonly OpenFileGroup[],
  thief: Thief,
): TerminalEnds | undefined {
  const { first } = group;
  if (isCurrent(first)) return pairOfCurrent(first, groups, thief);
  const key = terminalOf(first)?.key;
  return key === undefined ? undefined : terminalPairs(groups).get(key);
}

/** /dev/tty: the controlling terminal of whoever opened it. */
export function isCurrent(file: SeenFile): boolean {
  return file.link === '/dev/tty';
}

/** Every request to the open file of a slave whose master has been closed fails (drivers/tty/tty_io.c, hung_up_tty_fops). */
export function isHungUp(file: SeenFile, thief: Thief): boolean {
  const program = new Program();
  const result = program.attempt('ioctl', thief.fdOf(file), tty.tcgets2, program.room(44));
  return runLocal(program).number(result) === -5;
}

/** TIOCGDEV tells the number; of pairs of several instances it is the one whose session a holder belongs to. */
function pairOfCurrent(
  file: SeenFile,
  groups: readonly OpenFileGroup[],
  thief: Thief,
): TerminalEnds | undefined {
  const device = askTerminal(thief.fdOf(file), tty.getDevice);
  const number = device < 0 ? undefined : slaveNumber(device);
  const candidates = [...terminalPairs(groups).values()].filter(
    ({ name, master }) => master !== undefined && name.number === number,
  );
  return candidates.length === 1 ? candidates[0] : undefined;
}

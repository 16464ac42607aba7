// Pseudoterminals of the tree to be, claimed by number: before the children of a session's leader are born when it is a controlling
// terminal, else when open files are made. The kernel gives the lowest free number: lower ones are held until the wanted one comes.
import { closeSync, statSync } from 'node:fs';
import { GodwitError } from '../errors.ts';
import type { TerminalName } from '../images/resources/terminal.ts';
import { pause } from '../kernel/pause.ts';
import { errnoName } from '../kernel/program.ts';
import {
  askTerminal,
  int32,
  openNoctty,
  openPeer,
  slaveNumber,
  tellTerminal,
  tty,
} from '../kernel/terminals.ts';
import { holderOf } from './terminal-holder.ts';
import { inTurn } from './terminal-turn.ts';
import { openExactly } from './resources/local-files.ts';

const readWrite = 2;

/** Descriptors of the agent. The slave's keeps the terminal its session's (drivers/tty/tty_io.c, tty_release). */
export interface ClaimedTerminal {
  readonly master: number;
  readonly slave: number;
}

export class Terminals {
  readonly #claimed = new Map<string, ClaimedTerminal>();

  /** The pair, unlocked. @throws GodwitError REFUSED */
  claim(name: TerminalName): ClaimedTerminal {
    const key = keyOf(name);
    const known = this.#claimed.get(key);
    if (known !== undefined) return known;
    const master = inTurn(name.devpts, () => openMaster(name));
    tellTerminal(master, tty.lock, int32(0));
    const slave = openPeer(master);
    if (slave < 0) {
      closeSync(master);
      throw new GodwitError('SYSCALL', `${pathOf(name)} cannot be opened: ${errnoName(slave)}`);
    }
    const claimed = { master, slave };
    this.#claimed.set(key, claimed);
    return claimed;
  }

  /** The descriptors are the caller's from now on. */
  take(name: TerminalName): ClaimedTerminal {
    const claimed = this.claim(name);
    this.#claimed.delete(keyOf(name));
    return claimed;
  }

  /** Hangs up those that are not wanted any more. */
  keep(names: readonly TerminalName[]): void {
    const wanted = new Set(names.map(keyOf));
    for (const [key, { master, slave }] of this.#claimed) {
      if (wanted.has(key)) continue;
      closeSync(slave);
      closeSync(master);
      this.#claimed.delete(key);
    }
  }

  close(): void {
    this.keep([]);
  }
}

export function keyOf({ devpts, number }: TerminalName): string {
  return `${devpts}/${number}`;
}

export const pathOf = keyOf;

/** Somebody who has a number for a moment only (another climber of any kind, a session that ends) gives it back within this time. */
const patienceMs = 500;

function openMaster(name: TerminalName): number {
  const end = performance.now() + patienceMs;
  for (;;) {
    const fd = climbTo(name);
    if (fd !== undefined) return fd;
    if (performance.now() > end) throw refused(name, whyNot(name));
    pause(5);
  }
}

function whyNot({ number }: TerminalName): string {
  const holder = holderOf(number);
  const held = holder && `process ${holder.pid} (${holder.comm}) has that number`;
  return held ?? 'that number is in use, or another devpts counts it';
}

/** The kernel gives the lowest free number. Undefined: the wanted one is not free. @throws GodwitError REFUSED */
function climbTo(name: TerminalName): number | undefined {
  const held: number[] = [];
  try {
    for (;;) {
      const fd = openExactly(name.ptmx, readWrite, openNoctty);
      if (fd < 0) throw refused(name, `${name.ptmx}: ${errnoName(fd)}`);
      const number = askTerminal(fd, tty.getNumber);
      if (number === name.number && isSlave(name)) return fd;
      held.push(fd);
      if (number < 0) throw refused(name, `${name.ptmx} makes no pseudoterminals`);
      if (number >= name.number) return undefined;
    }
  } finally {
    for (const fd of held) closeSync(fd);
  }
}

function isSlave(name: TerminalName): boolean {
  const stat = statSync(pathOf(name), { throwIfNoEntry: false });
  return stat !== undefined && slaveNumber(stat.rdev) === name.number;
}

function refused(name: TerminalName, why: string): GodwitError {
  return new GodwitError('REFUSED', `terminal ${pathOf(name)} cannot be made on the target: ${why}`, {
    hint: 'the tree knows its terminals by their numbers: free this one on the target, or give receive a devpts of its own',
  });
}

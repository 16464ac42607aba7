// Pseudoterminals with both ends in the tree, and /dev/tty of sessions whose terminal that is.
import { statSync } from 'node:fs';
import type { ResourceImage } from '../../images/resources/registry.ts';
import type { TerminalPair } from '../../images/resources/terminal.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { readStat } from '../../kernel/proc/stat.ts';
import { readStatus } from '../../kernel/proc/status.ts';
import { Program } from '../../kernel/program.ts';
import { nothingWaits } from '../../kernel/terminal-queues.ts';
import { hasCapability } from '../../kernel/rights.ts';
import { askTerminal, tty } from '../../kernel/terminals.ts';
import type { DriverContext, DumpContext, Refusal, SourceDriver } from './driver.ts';
import { refuse, terminalOutside } from './refuse.ts';
import type { OpenFileGroup } from './seen-file.ts';
import { terminalOf } from './terminal-names.ts';
import { isCurrent, isHungUp, pairOf, type TerminalEnds } from './terminal-pairs.ts';

const pollPriority = 2;
const pollHangUp = 0x10;
const again = 'try again in a moment';

export const terminal: SourceDriver<'terminal'> = {
  matches: (file) => isCurrent(file) || terminalOf(file) !== undefined,

  survey(group, context) {
    const { first } = group;
    if (isDead(group, context)) return refusalOfDead(group, context);
    const pair = pairOf(group, context.groups, context.thief);
    if (pair?.master === undefined)
      return terminalOutside(first.link, pair && context.outside().get(`${pair.key} master`));
    if (pair.master.id !== group.id) return isCurrent(first) ? noSession(pair, context) : undefined;
    const holder = context.outside().get(`${pair.key} master`) ?? context.outside().get(`${pair.key} slave`);
    if (holder !== undefined) {
      return {
        reason: `${holder}, outside the tree, holds this terminal too`,
        remedy: 'migrate a tree that contains it',
      };
    }
    return refusalOf(pair, context);
  },

  dump(group, context) {
    const { first } = group;
    if (isDead(group, context)) {
      const refusal = refusalOfDead(group, context);
      if (refusal !== undefined) throw refuse(first, refusal);
      return { kind: 'terminal', end: 'slave', name: nameOf(group), hungUp: true };
    }
    const pair = pairOf(group, context.groups, context.thief);
    if (pair?.master === undefined) throw refuse(first, terminalOutside(first.link, undefined));
    const { name, master } = pair;
    if (master.id !== group.id) {
      if (isCurrent(first)) {
        const refusal = noSession(pair, context);
        if (refusal !== undefined) throw refuse(first, refusal);
      }
      return { kind: 'terminal', end: isCurrent(first) ? 'current' : 'slave', name, hungUp: false };
    }
    const refusal = refusalOf(pair, context);
    if (refusal !== undefined) throw refuse(first, refusal);
    return { kind: 'terminal', end: 'master', name, hungUp: false, pair: readPair(pair, context) };
  },
};

function nameOf({ first }: OpenFileGroup): ResourceImage<'terminal'>['name'] {
  const seen = terminalOf(first);
  if (seen === undefined) throw refuse(first, terminalOutside(first.link, undefined));
  return seen.name;
}

function isDead({ first }: OpenFileGroup, { thief }: DriverContext): boolean {
  return terminalOf(first)?.isMaster !== true && isHungUp(first, thief);
}

function refusalOfDead(group: OpenFileGroup, context: DriverContext): Refusal | undefined {
  const { first } = group;
  if (isCurrent(first)) return { reason: 'its terminal was hung up', remedy: 'let the program close it' };
  const pair = pairOf(group, context.groups, context.thief);
  return pair?.master === undefined
    ? undefined
    : { reason: 'it was hung up while its other end is open (vhangup)', remedy: 'let the program close it' };
}

function masterFd(pair: TerminalEnds, { thief }: DriverContext): number {
  return pair.master === undefined ? -1 : thief.fdOf(pair.master.first);
}

/** What keeps a pair with both ends in the tree from being carried. */
function refusalOf(pair: TerminalEnds, context: DriverContext): Refusal | undefined {
  const fd = masterFd(pair, context);
  const disciplines = [pair.master, liveSlave(pair, context)].flatMap((group) =>
    group === undefined ? [] : [askTerminal(context.thief.fdOf(group.first), tty.getDiscipline)],
  );
  const discipline = disciplines.find((number) => number !== 0);
  if (discipline !== undefined)
    return { reason: `it has line discipline ${discipline}`, remedy: 'let the program go back to N_TTY' };
  const events = poll(fd);
  if (liveSlave(pair, context) === undefined && (events & pollHangUp) === 0) {
    return {
      reason: 'nobody has opened its other end yet, and what was written to it cannot be seen until then',
      remedy: again,
    };
  }
  if ((events & pollPriority) !== 0)
    return { reason: 'a status of packet mode waits to be read', remedy: again };
  if (isExclusive(liveSlave(pair, context), context) && !hasCapability('sysAdmin')) {
    return {
      reason: 'it is exclusive (TIOCEXCL), and only CAP_SYS_ADMIN lets godwit open it',
      remedy: 'run migrate as root',
    };
  }
  const session = askTerminal(fd, tty.getSession);
  if (session < 0) return undefined;
  if (context.vpidOf(session) === undefined) {
    return {
      reason: `it is the controlling terminal of session ${session}, outside the tree`,
      remedy: 'migrate a tree that contains that session',
    };
  }
  const foreground = askTerminal(fd, tty.getForeground);
  if (groupOf(foreground, context) === undefined)
    return { reason: 'its foreground process group has ended', remedy: again };
  return undefined;
}

function noSession(pair: TerminalEnds, context: DriverContext): Refusal | undefined {
  if (askTerminal(masterFd(pair, context), tty.getSession) > 0) return undefined;
  return { reason: 'its session has given its terminal up', remedy: 'let the program close it' };
}

function liveSlave(pair: TerminalEnds, { thief }: DriverContext): OpenFileGroup | undefined {
  return pair.slaves.find(({ first }) => !isHungUp(first, thief));
}

/** The group's number as the tree sees it; undefined: nobody is left in it. */
function groupOf(pgid: number, { processes }: DriverContext): number | undefined {
  const member = processes.find(({ pid }) => readStat(pid)?.pgrp === pgid);
  return member && readStatus(member.pid)?.nsPgid.at(-1);
}

function isExclusive(end: OpenFileGroup | undefined, { thief }: DriverContext): boolean {
  return end !== undefined && askTerminal(thief.fdOf(end.first), tty.getExclusive) > 0;
}

function poll(fd: number): number {
  const program = new Program();
  const pollfd = program.bytes(new Uint8Array(Int32Array.of(fd, pollPriority).buffer));
  program.attempt('poll', pollfd, 1, 0);
  return runLocal(program).view(pollfd).getUint16(6, true);
}

function readPair(pair: TerminalEnds, context: DumpContext): TerminalPair {
  const fd = masterFd(pair, context);
  const program = new Program();
  const [termios, lockedTermios, windowSize] = [program.room(44), program.room(36), program.room(8)];
  program.call('ioctl', fd, tty.tcgets2, termios);
  program.call('ioctl', fd, tty.getLocked, lockedTermios);
  program.call('ioctl', fd, tty.getWindowSize, windowSize);
  const outcome = runLocal(program);
  const slave = liveSlave(pair, context);
  const { number, devpts } = pair.name;
  const pid = pair.master?.first.home.pid ?? 0;
  const node = slave?.first.stat ?? statSync(`/proc/${pid}/root${devpts}/${number}`, { bigint: true });
  const session = askTerminal(fd, tty.getSession);
  const leader = session < 0 ? undefined : context.vpidOf(session);
  const foreground = leader && groupOf(askTerminal(fd, tty.getForeground), context);
  return {
    termios: outcome.bytes(termios).slice(),
    lockedTermios: outcome.bytes(lockedTermios).slice(),
    windowSize: outcome.bytes(windowSize).slice(),
    locked: askTerminal(fd, tty.getLock) > 0,
    packet: askTerminal(fd, tty.getPacket) > 0,
    exclusiveMaster: isExclusive(pair.master, context),
    exclusiveSlave: isExclusive(slave, context),
    ...(leader === undefined ? {} : { session: leader }),
    ...(foreground === undefined ? {} : { foreground }),
    mode: Number(node.mode) & 0o7777,
    uid: Number(node.uid),
    gid: Number(node.gid),
    queues: context.terminalQueues?.(fd) ?? nothingWaits,
  };
}

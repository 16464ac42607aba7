// Pseudoterminals: a pair is made for all open files of its ends at once.
import { closeSync, chmodSync, chownSync } from 'node:fs';
import { GodwitError } from '../../errors.ts';
import type { ResourceImage } from '../../images/resources/registry.ts';
import type { TerminalPair } from '../../images/resources/terminal.ts';
import type { OpenFile } from '../../images/state.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { errnoName, Program } from '../../kernel/program.ts';
import { isInside } from '../../kernel/rights.ts';
import { encodeQueues } from '../../kernel/terminal-queues.ts';
import { int32, openNoctty, tellTerminal, tty } from '../../kernel/terminals.ts';
import { native } from '../../native.ts';
import { keyOf, pathOf, type ClaimedTerminal } from '../terminals.ts';
import type { OpenContext, TargetDriver } from './driver.ts';
import { openOrThrow } from './local-files.ts';

type TerminalImage = ResourceImage<'terminal'>;
type TerminalFile = OpenFile & { resource: TerminalImage };

const sharedKey = {};
const atFdcwd = -100;
const nonblock = 0o4000;

export const terminal: TargetDriver<'terminal'> = {
  open({ name }, { id }, context) {
    const made = context.shared(sharedKey, () => new Map<string, Map<number, number>>());
    let fds = made.get(keyOf(name));
    if (fds === undefined) {
      fds = make(name, context);
      made.set(keyOf(name), fds);
    }
    const fd = fds.get(id);
    if (fd === undefined) throw new GodwitError('PROTOCOL', `the source named ${pathOf(name)} in two ways`);
    return fd;
  },
};

/** The agent's descriptors of all its open files, by ID. */
function make(name: TerminalImage['name'], context: OpenContext): Map<number, number> {
  const files = context.openFiles.filter(
    (file): file is TerminalFile =>
      file.resource.kind === 'terminal' && keyOf(file.resource.name) === keyOf(name),
  );
  const claimed = context.terminals.take(name);
  context.closeLater(claimed.slave);
  const masterFile = files.find(({ resource }) => resource.end === 'master');
  if (masterFile === undefined) context.closeLater(claimed.master); // its slaves are hung up then
  const pair = masterFile?.resource.pair;
  if (pair !== undefined) setUp(name, claimed, pair, context);
  const fds = new Map<number, number>();
  for (const file of files) {
    const { end } = file.resource;
    if (end === 'master') fds.set(file.id, claimed.master);
    else if (end === 'slave') fds.set(file.id, openOrThrow(pathOf(name), file.flags, openNoctty | nonblock));
    else fds.set(file.id, openCurrent(file, pair?.session, context));
  }
  if (pair !== undefined) shut(claimed, pair);
  return fds;
}

function setUp(
  name: TerminalImage['name'],
  { master, slave }: ClaimedTerminal,
  pair: TerminalPair,
  context: OpenContext,
): void {
  const { termios, lockedTermios, windowSize, mode, uid, gid } = pair;
  tell(master, tty.setWindowSize, windowSize, name);
  const filled = native.fillTerminal(master, termios, encodeQueues(pair.queues));
  if (filled < 0) throw new GodwitError('SYSCALL', `${pathOf(name)} cannot be filled: ${errnoName(filled)}`);
  if (lockedTermios.some((byte) => byte !== 0)) tell(master, tty.setLocked, lockedTermios, name);
  giveTerminal(pathOf(name), uid, gid);
  chmodSync(pathOf(name), mode);
  if (pair.foreground !== undefined && pair.session !== undefined)
    setForeground(slave, pair.session, pair.foreground, context);
}

/** In a user namespace the group of all terminals (devpts's gid=) is nobody's, and the terminal has it already. */
function giveTerminal(path: string, uid: number, gid: number): void {
  try {
    chownSync(path, uid, gid);
  } catch (error) {
    if (!isInside()) throw error;
  }
}

/** Only a member of the session may. */
function setForeground(slave: number, session: number, group: number, context: OpenContext): void {
  const program = new Program();
  const got = program.call('pidfd_getfd', context.agentPidfd, slave, 0);
  program.call('ioctl', got, tty.setForeground, program.bytes(int32(group)));
  program.call('close', got);
  context.runner(session).run(program);
}

/** /dev/tty leads to the controlling terminal of who opens it: the session's leader does. */
function openCurrent({ flags }: TerminalFile, session: number | undefined, context: OpenContext): number {
  const task = session === undefined ? undefined : context.taskOf(session);
  if (session === undefined || task === undefined)
    throw new GodwitError('PROTOCOL', 'the source named /dev/tty of no session of the tree');
  const runner = context.runner(session);
  const open = new Program();
  const wanted = (flags & ~openNoctty) | nonblock;
  const fd = open.call('openat', atFdcwd, open.cstring('/dev/tty'), wanted, 0);
  const number = runner.run(open).number(fd);
  const pidfd = native.pidfdOpen(task);
  const own = native.pidfdGetfd(pidfd, number);
  closeSync(pidfd);
  const close = new Program();
  close.call('close', number);
  runner.run(close);
  if (own < 0) throw new GodwitError('SYSCALL', `/dev/tty of session ${session}: ${errnoName(own)}`);
  return own;
}

/** What would keep us out. */
function shut({ master, slave }: ClaimedTerminal, pair: TerminalPair): void {
  if (pair.packet) tellTerminal(master, tty.packet, int32(1));
  if (pair.exclusiveMaster) tellTerminal(master, tty.exclusive, 0);
  if (pair.exclusiveSlave) tellTerminal(slave, tty.exclusive, 0);
  if (pair.locked) tellTerminal(master, tty.lock, int32(1));
}

function tell(fd: number, request: number, value: Uint8Array, name: TerminalImage['name']): void {
  const program = new Program();
  program.call('ioctl', fd, request, program.bytes(value));
  runLocal(program, pathOf(name));
}

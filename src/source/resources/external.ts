// Which open files the operator has said something of (--external, --inherit-fd), whether that fits, and what becomes of them.
import type { ResourceImage } from '../../images/resources/registry.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { Program } from '../../kernel/program.ts';
import { socketLink, type External } from '../externals.ts';
import type { DriverContext, OpenFileOptions, Refusal } from './driver.ts';
import { refuse } from './refuse.ts';
import { accessMode, type OpenFileGroup, type SeenFile } from './seen-file.ts';

const fionread = 0x541b;

/** What the operator said, and what it takes to tell what it is about. */
interface Said extends Pick<DriverContext, 'unix'> {
  readonly options: Pick<OpenFileOptions, 'externals'>;
}

/** What was said of a file, and of everything else that its descriptors lead to. */
export function externalOf(
  { first }: Pick<OpenFileGroup, 'first'>,
  { options, unix }: Said,
): External | undefined {
  const { externals } = options;
  const own = externals.find(({ link }) => link === first.link);
  if (own !== undefined || !externals.some(({ link }) => link.startsWith('socket:['))) return own;
  const inode = Number(/^socket:\[(\d+)\]$/.exec(first.link)?.[1] ?? 0);
  const peer = inode === 0 ? undefined : unix().get(inode)?.peerInode;
  return peer === undefined ? undefined : externals.find(({ link }) => link === socketLink(peer));
}

/** What was said does not fit to what it was said of. */
export function whyNotSo(
  { option, instead }: External,
  group: OpenFileGroup,
  context: DriverContext,
): Refusal | undefined {
  const { first } = group;
  const { kind } = instead;
  if (kind === 'inherit') return undefined;
  if (kind === 'closed' && first.link.startsWith('pipe:[')) return undefined;
  const isSocket = first.link.startsWith('socket:[');
  const socket = isSocket ? context.unix().get(Number(/\d+/.exec(first.link)?.[0])) : undefined;
  const facts = isSocket ? context.thief.socket(first) : undefined;
  if (socket === undefined || facts?.listening !== false || facts.remote === undefined) {
    return {
      reason: `${option}: ${kind === 'closed' ? 'it is neither a pipe nor a connected unix socket' : 'it is no connected unix socket'}`,
      remedy: 'leave the option out, or give --inherit-fd',
    };
  }
  if (context.linkedTo(socketLink(socket.peerInode)).length === 0) return undefined;
  return { reason: `${option}: both ends are in the tree`, remedy: 'leave the option out' };
}

/** Options that are about nothing that is open in the tree. */
export function unusedExternals(groups: readonly OpenFileGroup[], context: Said): readonly External[] {
  if (context.options.externals.length === 0) return [];
  const used = new Set(groups.map((group) => externalOf(group, context)));
  return context.options.externals.filter((external) => !used.has(external));
}

export function isInherited(group: Pick<OpenFileGroup, 'first'>, context: Said): boolean {
  return externalOf(group, context)?.instead.kind === 'inherit';
}

/** @throws GodwitError REFUSED: what waits to be read in it would be lost. */
export function dumpInherited(
  { first }: OpenFileGroup,
  fd: number,
  { thief }: Pick<DriverContext, 'thief'>,
): ResourceImage<'inherited'> {
  // Terminals and files stay where they are, with what is in them; what waits in a pipe or a socket is the tree's.
  const waiting = /^(pipe|socket):\[/.test(first.link) && first.canRead ? waitingIn(thief.fdOf(first)) : 0;
  if (waiting > 0) throw refuse(first, unread(waiting));
  return { kind: 'inherited', fd, access: accessOf(first), object: first.link.slice(0, 4096) };
}

export function unread(bytes: number): Refusal {
  return {
    reason: `${bytes} bytes from outside the tree wait to be read in it, and would be lost`,
    remedy: 'try again when the program has read them',
  };
}

/** FIONREAD; 0 where there is no such thing (a listening socket). */
function waitingIn(fd: number): number {
  const program = new Program();
  const queued = program.room(4);
  program.attempt('ioctl', fd, fionread, queued);
  return runLocal(program).view(queued).getUint32(0, true);
}

export function accessOf({ flags }: Pick<SeenFile, 'flags'>): 'read' | 'write' | 'both' {
  const mode = flags & accessMode;
  if (mode === 2) return 'both';
  return mode === 0 ? 'read' : 'write';
}

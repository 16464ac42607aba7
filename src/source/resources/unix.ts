// Unix sockets: who is connected to whom (sock_diag), names, what waits to be read with its message borders.
import { readlinkSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ResourceImage } from '../../images/resources/registry.ts';
import { afUnix, sockDgram } from '../../kernel/socket-options.ts';
import type { SocketFacts } from '../../kernel/socket-facts.ts';
import { changedOptions } from '../../kernel/socket-values.ts';
import { unixName } from '../../kernel/socket-address.ts';
import type { UnixSocketInfo } from '../../kernel/sockets.ts';
import type { DriverContext, DumpContext, Refusal, SourceDriver } from './driver.ts';
import { externalOf, unread } from './external.ts';
import { ownCredentials, peerCredentials } from './peer-credentials.ts';
import { refuse } from './refuse.ts';
import type { OpenFileGroup, SeenFile } from './seen-file.ts';
import { ancillaryOf } from './unix-ancillary.ts';

export const unix: SourceDriver<'unix'> = {
  matches: (file, thief) => file.link.startsWith('socket:[') && thief.socket(file).domain === afUnix,

  survey: (group, context) => {
    const socket = context.unix().get(inodeOf(group.first));
    return socket === undefined ? undefined : refusal(group, socket, context);
  },

  dump(group, context) {
    const file = group.first;
    const socket = context.unix().get(inodeOf(file));
    if (socket === undefined)
      throw refuse(file, { reason: 'the kernel does not list this socket', remedy: 'try again' });
    const problem = refusal(group, socket, context) ?? pendingRefusal(group, socket, context);
    if (problem !== undefined) throw refuse(file, problem);
    return imageOf(group, socket, context);
  },
};

function imageOf(group: OpenFileGroup, socket: UnixSocketInfo, context: DumpContext): ResourceImage<'unix'> {
  const { thief } = context;
  const file = group.first;
  const facts = thief.socket(file);
  const fd = thief.fdOf(file);
  const options = changedOptions(fd, facts);
  const name = nameOf(facts.local);
  const instead = externalOf(group, context)?.instead;
  const elsewhere =
    instead?.kind === 'connect' ? { name: instead.name, as: ownCredentials(file.home) } : undefined;
  const credentials = elsewhere === undefined ? peerCredentials(file, context) : undefined;
  const peer = instead === undefined ? peerOf(socket, facts) : elsewhere === undefined ? 0 : undefined;
  const queue = facts.listening ? undefined : context.inFlight.queueOf(group, fd, facts.type);
  if (queue?.messages.some(({ label }) => label !== undefined) === true) {
    throw refuse(file, {
      reason:
        'messages with the security labels of their senders (SO_PASSSEC) wait to be read, and the kernel sends no other than the own',
      remedy: 'try again when the program has read them',
    });
  }
  if (queue?.named === true && peer === undefined && elsewhere === undefined) {
    throw refuse(file, {
      reason: 'datagrams of named senders wait to be read',
      remedy: 'try again when they are read',
    });
  }
  const waiting =
    elsewhere === undefined ? 0 : (queue?.messages ?? []).reduce((sum, { data }) => sum + data.length, 0);
  if (waiting > 0) throw refuse(file, unread(waiting));
  const isPath = name.length > 0 && name[0] !== 0;
  return {
    kind: 'unix',
    type: facts.type,
    inode: BigInt(socket.inode),
    ...(peer === undefined ? {} : { peer: BigInt(peer) }),
    ...(elsewhere === undefined ? {} : { elsewhere }),
    state: stateOf(facts.listening, peer ?? elsewhere),
    ...(name.length === 0 ? {} : { name }),
    ...(isPath ? { file: socketFile(file, name) } : {}),
    ...(credentials === undefined ? {} : { peerCredentials: credentials }),
    backlog: facts.listening ? socket.wqueue : 0,
    shutdown: facts.listening ? 0 : socket.shutdown,
    queue: queue?.messages.map(({ data }) => data) ?? [],
    ancillary: queue === undefined ? [] : ancillaryOf(file, queue, context),
    options,
  };
}

function stateOf(listening: boolean, other: unknown): ResourceImage<'unix'>['state'] {
  if (listening) return 'listening';
  return other === undefined ? 'unconnected' : 'connected';
}

function inodeOf(file: SeenFile): number {
  return Number(/\[(\d+)\]/.exec(file.link)?.[1] ?? 0);
}

/** Inode of the other half, 0 when it has been closed; undefined when there never was one. */
function peerOf(socket: UnixSocketInfo, { listening, remote }: SocketFacts): number | undefined {
  return listening || remote === undefined ? undefined : socket.peerInode;
}

/** sun_path without the zero byte that ends a path. */
function nameOf(address: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const name = address.slice(2);
  if (name.length === 0 || name[0] === 0) return name;
  const end = name.indexOf(0);
  return end < 0 ? name : name.slice(0, end);
}

/** Where the socket's own file is: the name counts from the working directory that its process had when binding. */
function socketFile(file: SeenFile, name: Uint8Array): NonNullable<ResourceImage<'unix'>['file']> {
  const text = Buffer.from(name).toString('utf8');
  const directory = text.startsWith('/') ? '/' : readlinkSync(`/proc/${file.home.pid}/cwd`);
  const stat = statSync(resolve(directory, text), { throwIfNoEntry: false });
  const present = stat?.isSocket() === true;
  if (!present) return { directory, present, mode: 0o755, uid: 0, gid: 0 };
  return { directory, present, mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid };
}

function refusal(group: OpenFileGroup, socket: UnixSocketInfo, context: DriverContext): Refusal | undefined {
  const file = group.first;
  if (externalOf(group, context) !== undefined) return undefined;
  const holder = context.outside().get(file.link);
  if (holder !== undefined) {
    return {
      reason: `${holder}, outside the tree, holds this socket too`,
      remedy: `migrate a tree that contains it, let one of the two close it, or give ${options(file)}`,
    };
  }
  const peer = peerOf(socket, context.thief.socket(file));
  if (peer === undefined || peer === 0) return undefined;
  const link = `socket:[${peer}]`;
  if (context.linkedTo(link).length > 0) return undefined;
  const outside = context.outside().get(link);
  if (outside === undefined && context.inFlight.hasUnseen) return undefined; // it may be in flight: the freeze will show
  const other = outside ?? describe(context.unix().get(peer));
  return {
    reason: `it is connected to a socket of ${other}, outside the tree`,
    remedy: `migrate a tree that contains both, or give ${options(file)}`,
  };
}

/** What operators can say of it. */
function options(file: SeenFile): string {
  const inode = inodeOf(file);
  return `--external unix[${inode}]:PATH to connect it there on the target, or --external unix[${inode}]:closed`;
}

/** How messages call a socket whose process is not known. */
function describe(socket: UnixSocketInfo | undefined): string {
  const name = socket?.name ?? null;
  return name === null || name.length === 0 ? 'another process' : `another process (${unixName(name)})`;
}

/** What comes and goes while the tree runs: looked at in the freeze alone. */
function pendingRefusal(
  group: OpenFileGroup,
  socket: UnixSocketInfo,
  context: DumpContext,
): Refusal | undefined {
  const facts = context.thief.socket(group.first);
  if (facts.listening && socket.rqueue > 0) {
    return {
      reason: `${socket.rqueue} connections wait to be accepted`,
      remedy: 'try again; a program that accepts has none after a moment',
    };
  }
  if (externalOf(group, context) !== undefined) return undefined;
  const isStream = facts.type !== sockDgram;
  if (isStream && peerOf(socket, facts) === 0 && socket.shutdown !== 3) {
    return { reason: 'its connection has not been accepted yet', remedy: 'try again when it has' };
  }
  return undefined;
}

// Connections of the tree. Those with others speak when it runs (tcp-later.ts). Where the tree has both ends they are made in repair mode, as if their handshake had been here, when all other sockets stand
// (a listener must be bound before the connections that it has accepted); then they speak: what was unsent is sent, whoever had shut
// its side shuts it. All of that stays within this host.
import { networkInterfaces } from 'node:os';
import { GodwitError } from '../../errors.ts';
import type { TcpConnectionImage } from '../../images/resources/tcp.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { makeConnection } from '../../kernel/make-connection.ts';
import { pause } from '../../kernel/pause.ts';
import { errnoName, Program } from '../../kernel/program.ts';
import { addressText, endpointKey, hostText, isLoopback } from '../../kernel/socket-address.ts';
import { closeLocal, openSocket, socketFacts } from '../../kernel/socket-facts.ts';
import { sockStream } from '../../kernel/socket-options.ts';
import { isEnded, isShut, sequence } from '../../kernel/tcp-repair.ts';
import { joinSegments } from '../../kernel/tcp-segment.ts';
import { native } from '../../native.ts';
import type { OpenContext, Speaker } from './driver.ts';
import { heardSegments } from './heard-segments.ts';
import { makeAllLater, speaksLater } from './tcp-later.ts';

const shutRead = 0;
const shutWrite = 1;
/** For segments between two sockets of this host. */
const settleMs = 1000;
/** include/net/tcp_states.h */
const tcpClose = 7;

interface End {
  readonly file: number;
  readonly local: Uint8Array;
  readonly connection: TcpConnectionImage;
  readonly family: number;
}

const key = {};

/** Notes a connection, which becomes one when all sockets of the tree are open. */
export function connectLater(end: End, context: OpenContext): void {
  const ends = context.shared(key, () => {
    const all: End[] = [];
    context.whenOpen((fdOf) => {
      connectAll(all, fdOf, context);
    });
    return all;
  });
  ends.push(end);
}

/** @throws GodwitError PROTOCOL, REFUSED */
function connectAll(
  all: readonly End[],
  fdOf: (file: number) => number,
  context: Pick<OpenContext, 'speaker' | 'elapsed'>,
): void {
  const { speaker } = context;
  const byFile = new Map(all.map((end) => [end.file, end]));
  for (const end of all) expectPeer(end, byFile, speaker);
  const ends = all.filter((end) => !speaksLater(end, speaker));
  const later = all.filter((end) => speaksLater(end, speaker));
  makeAllLater(
    later.map((end) => ({ ...end, fd: fdOf(end.file) })),
    context,
  );
  for (const end of ends) make(fdOf(end.file), end);
  const helpers: number[] = [];
  try {
    for (const end of ends) if (end.connection.peer === undefined) helpers.push(forsakenPeer(end));
    for (const { file, connection } of ends) letSpeak(fdOf(file), connection.reuse);
    for (const end of ends) hearUrgent(end);
    for (const end of ends) sendRest(fdOf(end.file), end);
    for (const fd of helpers) shut(fd, shutWrite);
    for (const end of ends) awaitState(fdOf(end.file), end);
    for (const { file, connection } of ends) if (connection.readShut) shut(fdOf(file), shutRead);
  } finally {
    closeLocal(...helpers);
  }
}

/** A source that names an end which is none could make segments leave this host. */
function expectPeer(end: End, byFile: ReadonlyMap<number, End>, speaker: Speaker): void {
  const { peer, ended, outside } = end.connection;
  const other = peer === undefined ? undefined : byFile.get(peer);
  const isPair =
    other?.connection.peer === end.file &&
    other !== end &&
    endpointKey(other.local) === endpointKey(end.connection.remote) &&
    endpointKey(other.connection.remote) === endpointKey(end.local);
  if (outside !== undefined && peer === undefined) return; // its address is looked at when it is made
  if (isPair && speaksLater(end, speaker)) return;
  expectHere(end.local);
  expectHere(end.connection.remote);
  if (isPair || (peer === undefined && ended)) return;
  throw new GodwitError('PROTOCOL', `open file ${end.file}: its TCP connection has no other end`);
}

/** With IP_TRANSPARENT or IP_FREEBIND, which may be among its options, addresses of others can be bound too. */
function expectHere(address: Uint8Array): void {
  if (isLoopback(address)) return;
  const host = hostText(address);
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  if (own.some((one) => one.address === host)) return;
  throw new GodwitError(
    'REFUSED',
    `a TCP connection of the tree has the address ${host}, and this host has not`,
    {
      hint: 'bring the address up on this host first (ip addr)',
    },
  );
}

function make(fd: number, { local, connection }: Pick<End, 'local' | 'connection'>): void {
  makeConnection(fd, { ...connection, local });
}

function letSpeak(fd: number, reuse: boolean): void {
  const error = native.endRepair(fd, reuse);
  if (error < 0)
    throw new GodwitError('SYSCALL', `a TCP connection stays in repair mode: ${errnoName(error)}`);
}

/** The other end of a connection that nobody has any more: it has said its last word, and hears nothing. Returns its descriptor. */
function forsakenPeer({ family, local, connection }: End): number {
  const { terms, unread, receiveFirst, sendNext, window, buffers } = connection;
  const { scales } = terms;
  const fd = openSocket(family, sockStream, 0);
  try {
    makeConnection(fd, {
      local: connection.remote,
      remote: local,
      sendNext: sequence(receiveFirst + unread.length + (connection.urgent?.length ?? 0)),
      receiveFirst: sendNext,
      unread: new Uint8Array(),
      terms: { ...terms, ...(scales && { scales: { send: scales.receive, receive: scales.send } }) },
      // A window of nothing would keep its last word back.
      window: {
        send: Math.max(1, window.receive),
        max: window.receive,
        receive: window.send,
        receiveUpdate: sendNext,
      },
      buffers,
    });
    letSpeak(fd, true);
    return fd;
  } catch (error) {
    closeLocal(fd);
    throw error;
  }
}

/** Both ends are on this host: nothing but this brings it in the order that it had. */
function hearUrgent(end: End): void {
  if (end.connection.urgent === undefined) return;
  const segments = heardSegments(end, { ended: false, finAcknowledged: false }); // the other end says that itself
  const failed = native.sendSegments(joinSegments(segments));
  if (failed === 0) return;
  throw new GodwitError(
    'REFUSED',
    `the TCP connection ${addressText(end.local)}: its urgent data cannot be brought`,
    {
      hint: 'it needs CAP_NET_RAW: run receive as root',
    },
  );
}

function sendRest(fd: number, { local, connection }: End): void {
  const error = native.fillSendQueue(fd, connection.unsent);
  if (error < 0) {
    const name = `the TCP connection ${addressText(local)} <- ${addressText(connection.remote)}`;
    throw new GodwitError('REFUSED', `${name}: its unsent data finds no room here (${errnoName(error)})`);
  }
  if (connection.shut) shut(fd, shutWrite);
}

function shut(fd: number, how: number): void {
  const program = new Program();
  program.attempt('shutdown', fd, how);
  runLocal(program);
}

/** Segments within a host arrive at once, but for a busy one. @throws GodwitError TIMEOUT */
function awaitState(fd: number, { local, connection }: End): void {
  const until = performance.now() + settleMs;
  for (;;) {
    const state = socketFacts(fd).tcp?.state ?? tcpClose;
    const isOver = state === tcpClose;
    const hasEnded = !connection.ended || isOver || isEnded(state);
    const hasShut = !connection.shut || isOver || isShut(state);
    if (hasEnded && hasShut) return;
    if (performance.now() > until) {
      const name = `the TCP connection ${addressText(local)} <- ${addressText(connection.remote)}`;
      throw new GodwitError('TIMEOUT', `${name} does not come to its state (${state})`);
    }
    pause(0.1);
  }
}

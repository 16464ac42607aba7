// What a TCP connection is at one moment: its queues, sequence numbers, and what both ends have agreed on.
import { GodwitError } from '../errors.ts';
import { runLocal } from './local-program.ts';
import { isError, Program, type Data, type Result } from './program.ts';
import { solSocket, solTcp, soRcvbuf, soSndbuf } from './socket-options.ts';
import { ask } from './socket-questions.ts';
import {
  int, isShut, msgDontwait, noQueue, receiveQueue, sendQueue, sequence, set, soBufLock, tcpQueueSeq, tcpRepairQueue,
  tcpRepairWindow, tcpTimestamp, type TcpBuffers, type TcpTerms, type TcpWindow,
} from './tcp-repair.ts'; // prettier-ignore

const tcpMaxseg = 2;
const tcpInfo = 11;
const tcpUlp = 31; // Linux 4.13
const siocInq = 0x541b;
const siocOutq = 0x5411;
const siocOutqnsd = 0x894b;
const msgOob = 1;
const msgPeek = 2;
const soOobinline = 10;
const soPeekOff = 42;
/** ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT, LAST_ACK, CLOSING. */
const carriedStates: ReadonlySet<number> = new Set([1, 4, 5, 8, 9, 11]);
/** Bits of tcpi_options. */
const hasTimestamps = 1;
const hasSack = 2;
const hasScales = 4;

export interface TcpSnapshot {
  /** include/net/tcp_states.h */
  readonly state: number;
  readonly terms: TcpTerms;
  readonly window: TcpWindow;
  readonly buffers: TcpBuffers;
  /** rcv_nxt. */
  readonly receiveNext: number;
  readonly unread: Uint8Array<ArrayBuffer>;
  /** What follows in the queue from the urgent byte on, which is its first one, and has not been read. */
  readonly urgent: Uint8Array<ArrayBuffer> | undefined;
  /** write_seq. */
  readonly sendNext: number;
  /** Sequence number of its first byte: snd_una. */
  readonly sendFirst: number;
  readonly unacknowledged: Uint8Array<ArrayBuffer>;
  /** How many of the last of these were not sent yet. */
  readonly unsent: number;
  /** The FIN, which is none of them, was sent. */
  readonly isFinSent: boolean;
}

/**
 * Reads a connection. Preconditions: it is locked (the keeper's `lock`, which leaves it in repair mode), and nobody who has it runs.
 * `sendWindow`: what the lock has hidden, bytes that the other end takes. @throws GodwitError REMOTE_CALL, REFUSED
 */
export function readConnection(fd: number, sendWindow: number): TcpSnapshot {
  const program = new Program();
  const [info, mss, timestamp, window] = [
    [tcpInfo, 104],
    [tcpMaxseg, 4], // in repair mode mss_clamp, what the other end has told
    [tcpTimestamp, 4],
    [tcpRepairWindow, 20],
  ].map(([option = 0, room = 0]) => ask(program, fd, solTcp, option, room).value) as [Data, Data, Data, Data];
  const [send, receive, locks] = [soSndbuf, soRcvbuf, soBufLock].map(
    (option) => ask(program, fd, solSocket, option, 4).value,
  ) as [Data, Data, Data];
  set(program, fd, tcpRepairQueue, int(receiveQueue));
  const received = ask(program, fd, solTcp, tcpQueueSeq, 4).value;
  // While an urgent mark stands, a socket that does not read it inline is told only of what is before it (tcp_inq).
  const inline = ask(program, fd, solSocket, soOobinline, 4).value;
  const [unread, withUrgent] = [0, 1].map((way) => {
    program.call('setsockopt', fd, solSocket, soOobinline, program.bytes(int(way)), 4);
    const waiting = program.room(4);
    program.call('ioctl', fd, siocInq, waiting);
    return waiting;
  }) as [Data, Data];
  program.call('setsockopt', fd, solSocket, soOobinline, inline, 4);
  set(program, fd, tcpRepairQueue, int(sendQueue));
  const sent = ask(program, fd, solTcp, tcpQueueSeq, 4).value;
  const unacknowledged = program.room(4);
  program.call('ioctl', fd, siocOutq, unacknowledged);
  const notSent = program.room(4);
  program.call('ioctl', fd, siocOutqnsd, notSent);
  set(program, fd, tcpRepairQueue, int(noQueue));
  const upper = ask(program, fd, solTcp, tcpUlp, 16);
  const outcome = runLocal(program, 'TCP connection');
  const number = (data: Data): number => outcome.view(data).getUint32(0, true);

  const told = outcome.view(info);
  const state = told.getUint8(0);
  const options = told.getUint8(5);
  const scales = told.getUint8(6);
  const windows = outcome.view(window);
  const outstanding = number(unacknowledged);
  const sendNext = number(sent);
  if (!isError(outcome.result(upper.result)) && outcome.view(upper.length).getUint32(0, true) > 0)
    throw refused('a protocol works in it (TCP_ULP)');
  if (!carriedStates.has(state)) throw refused('it has ended while it was read');
  return {
    state,
    terms: {
      mss: number(mss),
      sack: (options & hasSack) !== 0,
      ...((options & hasScales) === 0 ? {} : { scales: { send: scales & 15, receive: scales >> 4 } }),
      ...((options & hasTimestamps) === 0 ? {} : { timestamp: number(timestamp) }),
    },
    window: {
      send: sendWindow,
      max: windows.getUint32(8, true),
      receive: windows.getUint32(12, true),
      receiveUpdate: windows.getUint32(16, true),
    },
    buffers: { send: number(send), receive: number(receive), locks: number(locks) },
    receiveNext: number(received),
    sendNext,
    sendFirst: sequence(sendNext - outstanding),
    unsent: Math.max(0, number(notSent) - Number(isShut(state))),
    isFinSent: isShut(state) && number(notSent) === 0,
    ...peek(fd, number(unread), Math.max(0, outstanding - Number(isShut(state)))),
    urgent:
      number(unread) === number(withUrgent)
        ? undefined
        : readUrgent(fd, number(unread), number(withUrgent) - number(unread)),
  };
}

/** `before`: bytes in front of the urgent one. @throws GodwitError REFUSED */
function readUrgent(fd: number, before: number, length: number): Uint8Array<ArrayBuffer> {
  const program = new Program();
  const byte = program.room(1);
  // EINVAL: it has been read, and only its mark stands still, which nothing makes again.
  const waits = program.attempt('recvfrom', fd, byte, 1, msgOob | msgPeek | msgDontwait, 0, 0);
  const inline = ask(program, fd, solSocket, soOobinline, 4).value;
  program.call('setsockopt', fd, solSocket, soOobinline, program.bytes(int(1)), 4);
  const peekAt = ask(program, fd, solSocket, soPeekOff, 4);
  // One read ends at the mark: so the second one begins there (Linux 6.9).
  const begins = program.attempt('setsockopt', fd, solSocket, soPeekOff, program.bytes(int(before)), 4);
  set(program, fd, tcpRepairQueue, int(receiveQueue));
  const data = program.room(length);
  const got = program.attempt('recvfrom', fd, data, length, msgPeek | msgDontwait, 0, 0);
  set(program, fd, tcpRepairQueue, int(noQueue));
  program.attempt('setsockopt', fd, solSocket, soPeekOff, peekAt.value, 4);
  program.call('setsockopt', fd, solSocket, soOobinline, inline, 4);
  const outcome = runLocal(program, 'urgent data of a TCP connection');
  const isInline = outcome.view(inline).getUint32(0, true) !== 0;
  if (!isInline && outcome.number(waits) < 0)
    throw refused('its urgent byte has been read, and what is before it has not');
  if (before > 0 && outcome.number(begins) < 0) throw refused(urgentNeedsPeek);
  const seen = outcome.number(got);
  if (seen !== length) throw new GodwitError('INTERNAL', `urgent data of ${length} bytes shows ${seen}`);
  return outcome.bytes(data).slice(0, length);
}

/** Why nobody can look behind a mark. */
export const urgentNeedsPeek =
  'urgent data waits in it, and this kernel shows nothing behind it (SO_PEEK_OFF of TCP, Linux 6.9)';

function refused(why: string): GodwitError {
  return new GodwitError('REFUSED', `a TCP connection cannot be carried: ${why}`, { hint: 'try again' });
}

/** The content of both queues. */
function peek(
  fd: number,
  unread: number,
  unacknowledged: number,
): Pick<TcpSnapshot, 'unread' | 'unacknowledged'> {
  if (unread === 0 && unacknowledged === 0)
    return { unread: new Uint8Array(), unacknowledged: new Uint8Array() };
  const program = new Program();
  // Where the next peek begins (Linux 6.9; else it fails).
  const peekAt = ask(program, fd, solSocket, soPeekOff, 4);
  program.attempt('setsockopt', fd, solSocket, soPeekOff, program.bytes(int(-1)), 4);
  const [received, sent] = [
    [receiveQueue, unread],
    [sendQueue, unacknowledged],
  ].map(([queue = 0, length = 0]) => {
    set(program, fd, tcpRepairQueue, int(queue));
    const data = program.room(Math.max(1, length));
    const got =
      length === 0 ? undefined : program.call('recvfrom', fd, data, length, msgPeek | msgDontwait, 0, 0);
    return { data, length, got };
  }) as [Peeked, Peeked];
  set(program, fd, tcpRepairQueue, int(noQueue));
  program.attempt('setsockopt', fd, solSocket, soPeekOff, peekAt.value, 4);
  const outcome = runLocal(program, 'queues of a TCP connection');
  const content = ({ data, length, got }: Peeked): Uint8Array<ArrayBuffer> => {
    const seen = got === undefined ? 0 : outcome.number(got);
    if (seen !== length) throw new GodwitError('INTERNAL', `a TCP queue of ${length} bytes shows ${seen}`);
    return outcome.bytes(data).slice(0, length);
  };
  return { unread: content(received), unacknowledged: content(sent) };
}

interface Peeked {
  readonly data: Data;
  readonly length: number;
  readonly got: Result | undefined;
}

// Makes TCP connections as if their handshakes had been here.
import { asGodwitError, GodwitError } from '../errors.ts';
import { runLocal } from './local-program.ts';
import { Program, type Result } from './program.ts';
import { addressText } from './socket-address.ts';
import { solIp, solSocket, soRcvbufForce, soSndbufForce } from './socket-options.ts';
import {
  int, isAfter, msgDontwait, noQueue, receiveQueue, sendQueue, sequence, set, soBufLock, tcpQueueSeq, tcpRepair, tcpRepairQueue,
  tcpRepairWindow, tcpTimestamp, words, type TcpBuffers, type TcpTerms, type TcpWindow,
} from './tcp-repair.ts'; // prettier-ignore

const tcpRepairOptions = 22;
const ipOptions = 4;
/** linux/tcp.h and include/net/tcp.h: options of struct tcp_repair_opt. */
const optMss = 2;
const optWindow = 3;
const optSack = 4;
const optTimestamp = 8;
/** One call takes at most MAX_SKB_FRAGS (17) pages (tcp_send_rcvq). */
const chunk = 16 * 4096;

export interface TcpBirth {
  /** struct sockaddr_in or sockaddr_in6. */
  readonly local: Uint8Array;
  readonly remote: Uint8Array;
  /** Sequence numbers of the next byte that it sends, and of the first one in `unread`. */
  readonly sendNext: number;
  readonly receiveFirst: number;
  readonly unread: Uint8Array;
  readonly terms: TcpTerms;
  readonly window: TcpWindow;
  readonly buffers: TcpBuffers;
}

/**
 * Makes a fresh socket a connection of which the other end need not know, and leaves it in repair mode: native.endRepair lets it
 * speak. @throws GodwitError REFUSED naming it
 */
export function makeConnection(fd: number, birth: TcpBirth): void {
  const { local, remote, terms, window, unread } = birth;
  const receiveNext = sequence(birth.receiveFirst + unread.length);
  const program = new Program();
  set(program, fd, tcpRepair, int(1));
  for (const [queue, next] of [
    [receiveQueue, birth.receiveFirst],
    [sendQueue, birth.sendNext],
  ] as const) {
    set(program, fd, tcpRepairQueue, int(queue));
    set(program, fd, tcpQueueSeq, words(next));
  }
  program.call('bind', fd, program.bytes(local), local.length);
  program.call('connect', fd, program.bytes(remote), remote.length);
  const agreed = [optMss, terms.mss];
  // Always: connect(2) has chosen what this host would offer.
  const { scales = { send: 0, receive: 0 } } = terms;
  agreed.push(optWindow, scales.send | (scales.receive << 16));
  if (terms.sack) agreed.push(optSack, 0);
  if (terms.timestamp !== undefined) agreed.push(optTimestamp, 0);
  set(program, fd, tcpRepairOptions, words(...agreed));
  if (terms.timestamp !== undefined) set(program, fd, tcpTimestamp, words(terms.timestamp));
  // Data that has piled up needs the room that the buffer had grown to; after connect(2), which reckons with a fresh one.
  const { send, receive, locks } = birth.buffers;
  const force = (option: number, bytes: number): Result =>
    program.attempt('setsockopt', fd, solSocket, option, program.bytes(int(bytes >>> 1)), 4); // the kernel doubles it
  force(soSndbufForce, send);
  force(soRcvbufForce, 2 * receive); // packed in another way it may take more of it
  const filled = fillReceiveQueue(program, fd, unread);
  force(soRcvbufForce, receive);
  program.attempt('setsockopt', fd, solSocket, soBufLock, program.bytes(int(locks)), 4);
  const update = isAfter(window.receiveUpdate, receiveNext) ? receiveNext : window.receiveUpdate;
  const max = Math.max(window.send, window.max);
  const room = sequence(window.receive + window.receiveUpdate - update); // its end stays where it is
  set(program, fd, tcpRepairWindow, words(receiveNext, window.send, max, room, update));
  // connect(2) has reckoned with segments of 536 bytes, and nothing but this makes it reckon again (do_ip_setsockopt: icsk_sync_mss).
  program.attempt('setsockopt', fd, solIp, ipOptions, 0, 0);
  const name = `the TCP connection ${addressText(local)} <- ${addressText(remote)}`;
  try {
    const outcome = runLocal(program, name);
    for (const { got, length } of filled) {
      if (outcome.number(got) === length) continue;
      throw new GodwitError('REFUSED', `${name}: its unread data finds no room here`);
    }
  } catch (error) {
    if (error instanceof GodwitError && error.code !== 'REMOTE_CALL') throw error;
    const { message } = asGodwitError(error);
    const hint = /ENETUNREACH|EHOSTUNREACH/.test(message)
      ? `this host has no route to ${addressText(remote)} before it has the address: ip route add`
      : 'is there one between the same addresses already? (ss -tan)';
    throw new GodwitError('REFUSED', `${name} cannot be made on the target: ${message}`, {
      hint,
      cause: error,
    });
  }
}

function fillReceiveQueue(
  program: Program,
  fd: number,
  unread: Uint8Array,
): { got: Result; length: number }[] {
  if (unread.length === 0) return [];
  set(program, fd, tcpRepairQueue, int(receiveQueue));
  const parts: { got: Result; length: number }[] = [];
  for (let at = 0; at < unread.length; at += chunk) {
    const part = unread.subarray(at, at + chunk);
    const got = program.call('sendto', fd, program.bytes(part), part.length, msgDontwait, 0, 0);
    parts.push({ got, length: part.length });
  }
  set(program, fd, tcpRepairQueue, int(noQueue));
  return parts;
}

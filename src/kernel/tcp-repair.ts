// TCP connections, read and made by TCP_REPAIR (Linux 3.5, CAP_NET_ADMIN; include/uapi/linux/tcp.h, net/ipv4/tcp.c: no man page tells of
// it). In repair mode nothing that is asked of a socket sends a segment: connect(2) connects, close(2) forgets, sendto(2) fills the queue
// that TCP_REPAIR_QUEUE has chosen, recvfrom(2) with MSG_PEEK reads it.
//
//   sequence numbers of what it sends:     snd_una ... unacknowledged ... write_seq    (a FIN counts one)
//   of what it receives:           copied_seq ... unread ... rcv_nxt                   (a FIN counts one)
import type { Program, Result } from './program.ts';
import { solTcp } from './socket-options.ts';

export const tcpRepair = 19;
/** A value of TCP_REPAIR: off, without a window probe (TCP_REPAIR_OFF_NO_WP, Linux 4.20). */
export const repairOffNoProbe = -1;
export const tcpRepairQueue = 20;
export const tcpQueueSeq = 21;
export const tcpTimestamp = 24;
export const tcpRepairWindow = 29; // Linux 4.8
/** What TCP_REPAIR_QUEUE chooses. */
export const receiveQueue = 1;
export const sendQueue = 2;
export const noQueue = 0;
export const soBufLock = 72; // Linux 5.15
export const msgDontwait = 0x40;

/** What both ends have agreed on, and what they know of each other's windows. */
export interface TcpTerms {
  /** Largest segment that the other end takes, bytes. */
  readonly mss: number;
  readonly sack: boolean;
  /** Shifts of the window fields; absent: not agreed. */
  readonly scales?: { readonly send: number; readonly receive: number } | undefined;
  /** Clock of the timestamps that it sends, with its offset; absent: not agreed. */
  readonly timestamp?: number | undefined;
}

/** struct tcp_repair_window without snd_wl1: bytes, and the sequence number up to which the window was last told. */
export interface TcpWindow {
  readonly send: number;
  readonly max: number;
  readonly receive: number;
  readonly receiveUpdate: number;
}

/** Bytes, as the kernel counts them. `locks`: SOCK_SNDBUF_LOCK 1, SOCK_RCVBUF_LOCK 2: the program has set it, the kernel does not tune it. */
export interface TcpBuffers {
  readonly send: number;
  readonly receive: number;
  readonly locks: number;
}

/** Its program has ended what it sends: FIN_WAIT1, FIN_WAIT2, LAST_ACK, CLOSING. */
export function isShut(state: number): boolean {
  return [4, 5, 9, 11].includes(state);
}

/** The FIN of the other end has come: CLOSE_WAIT, LAST_ACK, CLOSING. */
export function isEnded(state: number): boolean {
  return [8, 9, 11].includes(state);
}

export const int = (value: number): Uint8Array => new Uint8Array(Int32Array.of(value).buffer);
export const words = (...values: readonly number[]): Uint8Array =>
  new Uint8Array(Uint32Array.from(values).buffer);
/** Sequence numbers are modulo 2^32. */
export const sequence = (value: number): number => value >>> 0;

export function set(program: Program, fd: number, option: number, value: Uint8Array): Result {
  return program.call('setsockopt', fd, solTcp, option, program.bytes(value), value.length);
}

export function isAfter(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}

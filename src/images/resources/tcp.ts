// A TCP socket: listening, not yet bound or connected, a connection between two open files of the tree or with somebody outside, or one
// that is dropped by --tcp-close.
import * as z from 'zod';
import { bytes, index, list, u32 } from '../scalars.ts';

/** One socket option: level, name, value as bytes. */
export const socketOptionSchema = z.strictObject({
  level: z.number().int(),
  name: z.number().int(),
  value: bytes(256),
});

/** Bytes that wait on one side of a connection: net.ipv4.tcp_rmem and tcp_wmem end at some megabytes. */
const waiting = bytes(64 << 20);

const connectionSchema = z.strictObject({
  /** struct sockaddr_in or sockaddr_in6. */
  remote: bytes(28),
  /** The open file that is the other end; absent: it is outside, or nobody has it any more and its last word has come (`ended`). */
  peer: index.optional(),
  /** The other end is not in the tree. */
  outside: z
    .strictObject({
      /** It may have got these. */
      sent: waiting,
      /** What `shut` says was sent behind them. */
      finSent: z.boolean(),
      /** And it has got that. */
      finAcknowledged: z.boolean(),
    })
    .optional(),
  /** Sequence number of the first byte of `sent`, where there is one, else of `unsent`. */
  sendNext: u32,
  /** Sequence number of the first byte of `unread`. */
  receiveFirst: u32,
  unread: waiting,
  /** Behind them: the urgent byte, which has not been read either, and what follows it. */
  urgent: waiting.optional(),
  /** What the other end has not received yet. */
  unsent: waiting,
  /** shutdown(2) with SHUT_WR. */
  shut: z.boolean(),
  /** The other end has shut its side, and everything of it has come. */
  ended: z.boolean(),
  /** Nothing more is to be read: ended, or shutdown(2) with SHUT_RD. */
  readShut: z.boolean(),
  /** SO_REUSEADDR, which repair mode forgets. */
  reuse: z.boolean(),
  terms: z.strictObject({
    mss: z.number().int().min(1).max(0xffff),
    sack: z.boolean(),
    scales: z
      .strictObject({ send: z.number().int().min(0).max(14), receive: z.number().int().min(0).max(14) })
      .optional(),
    timestamp: u32.optional(),
  }),
  window: z.strictObject({ send: u32, max: u32, receive: u32, receiveUpdate: u32 }),
  buffers: z.strictObject({ send: u32, receive: u32, locks: z.number().int().min(0).max(3) }),
});
export type TcpConnectionImage = z.output<typeof connectionSchema>;

export const tcpSchema = z.strictObject({
  kind: z.literal('tcp'),
  family: z.union([z.literal(2), z.literal(10)]),
  /** IPPROTO_TCP 6 or IPPROTO_MPTCP 262, as the socket was made. */
  protocol: z.number().int(),
  state: z.enum(['listening', 'bound', 'unbound', 'connected', 'dropped']),
  /** struct sockaddr_in or sockaddr_in6. */
  local: bytes(28).optional(),
  backlog: u32.default(0),
  /** Of a connected one. */
  connection: connectionSchema.optional(),
  options: list(socketOptionSchema, 64),
});

// A unix socket: one of a pair, a listener, or unconnected.
import * as z from 'zod';
import { bytes, list, path, u32, u64 } from '../scalars.ts';
import { peerCredentialsSchema } from './peer-credentials.ts';
import { socketOptionSchema } from './tcp.ts';
import { ancillarySchema } from './unix-ancillary.ts';

export const unixSchema = z.strictObject({
  kind: z.literal('unix'),
  /** SOCK_STREAM 1, SOCK_DGRAM 2, SOCK_SEQPACKET 5. */
  type: z.number().int().min(1).max(5),
  inode: u64,
  /** Inode of the other half of a connection; 0: it has been closed. Absent: never connected. */
  peer: u64.optional(),
  /** Somebody else's socket on the target, to which it is connected in the place of its peer, and as whom (SO_PEERCRED there). */
  elsewhere: z.strictObject({ name: bytes(108), as: peerCredentialsSchema }).optional(),
  state: z.enum(['connected', 'listening', 'unconnected']),
  /** sun_path: a path, or an abstract name with its leading zero byte. */
  name: bytes(108).optional(),
  /** The socket's own file, when the name is a path. */
  file: z
    .strictObject({
      /** Where the name is to be looked up: the working directory of the process that bound it. */
      directory: path,
      /** The name leads to this socket; false: it was removed or taken by another. */
      present: z.boolean(),
      mode: z.number().int().min(0).max(0o7777),
      uid: u32,
      gid: u32,
    })
    .optional(),
  /** Absent: nobody, as with datagram sockets that were connected by name. */
  peerCredentials: peerCredentialsSchema.optional(),
  backlog: u32.default(0),
  /** shutdown(2): 1 no more reads, 2 no more writes, 3 both. */
  shutdown: z.number().int().min(0).max(3).default(0),
  /** Messages queued for this socket to read, in order; a stream's as one, but for borders at ancillary data. */
  queue: list(bytes(16 << 20), 65_536).default([]),
  /** Of messages that have any. */
  ancillary: list(ancillarySchema, 65_536).default([]),
  options: list(socketOptionSchema, 64),
});

// One end of a pseudoterminal (pty(7)), or /dev/tty. The master's open file carries what belongs to the pair.
import * as z from 'zod';
import { bytes, groupId, list, path, pid, u32 } from '../scalars.ts';

/** Which pair: the tree knows its number (ttyname(3)), so that it must be the same on the target. */
export const terminalNameSchema = z.strictObject({
  /** By which the master was opened: /dev/ptmx, /dev/pts/ptmx. */
  ptmx: path,
  /** Where the devpts file system is mounted to which the pair belongs. */
  devpts: path,
  number: z.number().int().min(0).max(0xf_ffff),
});
export type TerminalName = z.infer<typeof terminalNameSchema>;

/** What waits in it. A terminal holds some 20 KiB each way. */
export const terminalQueuesSchema = z.strictObject({
  /** Output is held back: by tcflow(3), by Ctrl-S. */
  stop: z.enum(['no', 'program', 'character']).default('no'),
  /** Finished lines, as reads give them; an empty one is an end of file. */
  lines: list(bytes(4096), 16_384),
  /** Raw input, or the unfinished line. */
  rest: bytes(4096),
  /** Input behind a full line discipline, not processed yet. */
  excess: bytes(1 << 20),
  /** For the master to read. */
  output: bytes(1 << 20),
});

export const terminalPairSchema = z.strictObject({
  /** struct termios2. */
  termios: bytes(44),
  /** struct termios of TIOCGLCKTRMIOS: bits that are locked. */
  lockedTermios: bytes(36),
  /** struct winsize. */
  windowSize: bytes(8),
  /** TIOCSPTLCK. */
  locked: z.boolean(),
  /** TIOCPKT. */
  packet: z.boolean(),
  /** TIOCEXCL of either end. */
  exclusiveMaster: z.boolean(),
  exclusiveSlave: z.boolean(),
  /** Leader of the session whose controlling terminal it is, and the foreground group. */
  session: pid.optional(),
  foreground: groupId.optional(),
  /** Of the node /dev/pts/N. */
  mode: z.number().int().min(0).max(0o7777),
  uid: u32,
  gid: u32,
  queues: terminalQueuesSchema,
});
export type TerminalPair = z.infer<typeof terminalPairSchema>;

export const terminalSchema = z.strictObject({
  kind: z.literal('terminal'),
  /** current: /dev/tty of a session whose terminal it is. */
  end: z.enum(['master', 'slave', 'current']),
  name: terminalNameSchema,
  /** A slave whose master has been closed. */
  hungUp: z.boolean().default(false),
  pair: terminalPairSchema.optional(),
});

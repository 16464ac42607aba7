// What is staged while the tree runs: which tasks there are, and how their address spaces look.
// Sent whole whenever it changed; the target finds the difference itself.
import * as z from 'zod';
import { addressSpaceSchema, fileIdentitySchema, sharedObjectSchema } from './memory.ts';
import { terminalNameSchema } from './resources/terminal.ts';
import { groupId, i64, list, pid } from './scalars.ts';

export const processLayoutSchema = z.strictObject({
  pid,
  /** Parent inside the tree; 0 for the root, and for orphans whose parent is outside the tree. */
  ppid: z.number().int().min(0),
  pgid: groupId,
  sid: groupId,
  /** All threads, the leader first. A zombie has its leader alone. */
  threads: list(pid, 100_000),
  /** Signal sent to the parent at the end (SIGCHLD, or what clone was given). */
  exitSignal: z.number().int().min(0).max(64).default(17),
  /** Wait status of a zombie. Zombies have no address space. */
  zombie: z.number().int().min(0).optional(),
  /** Pages inherited from the parent by copy-on-write are not sent: clone the shell from the parent's after round 0. */
  inherits: z.boolean().default(false),
  /** Working directory, root and umask are its parent's as well (CLONE_FS): born so, or never. */
  sharesPlaces: z.boolean().optional(),
  /** Its descriptor table is its parent's as well (CLONE_FILES): born so, or never. The image has its descriptors at the parent. */
  sharesDescriptors: z.boolean().optional(),
  /** Its memory is its parent's (CLONE_VM): there is no space of its PID. */
  sharesMemory: z.boolean().optional(),
  /** Its signal handlers are its parent's (CLONE_SIGHAND), and then its memory. */
  sharesHandlers: z.boolean().optional(),
  /** Its controlling terminal, when that is one of the tree's. */
  terminal: terminalNameSchema.optional(),
});
export type ProcessLayout = z.infer<typeof processLayoutSchema>;

export const treeLayoutSchema = z.strictObject({
  /** PID of the root; parents come before children in `processes`. */
  root: pid,
  processes: list(processLayoutSchema, 32_768),
  spaces: list(addressSpaceSchema, 32_768),
  files: list(fileIdentitySchema),
  objects: list(sharedObjectSchema),
});
export type TreeLayout = z.infer<typeof treeLayoutSchema>;

/**
 * The source's clocks as the tree sees them (its time namespace included), at the instant of the target's last clock-reply,
 * or, if there was none, when this arrives. Nanoseconds.
 */
export const clocksSchema = z.strictObject({ monotonic: i64, boottime: i64, realtime: i64 });
export type Clocks = z.infer<typeof clocksSchema>;

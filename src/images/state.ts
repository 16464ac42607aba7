// What is sent after the freeze: everything of the tree but the content of its memory.
import * as z from 'zod';
import { movedAddressSchema } from './addresses.ts';
import { spaceControlsSchema } from './controls.ts';
import { resourceLimitSchema } from './credentials.ts';
import { treeLayoutSchema } from './layout.ts';
import { mmFieldsSchema } from './memory.ts';
import { missingRunsSchema } from './missing.ts';
import { networkTablesSchema } from './network.ts';
import { protectionKeysSchema } from './protection-keys.ts';
import { fileLocksSchema } from './resources/file-locks.ts';
import { removedDirectorySchema } from './removed-directory.ts';
import { resourceImageSchema } from './resources/registry.ts';
import { fd, i64, index, list, path, pid, u32 } from './scalars.ts';
import { seccompSchema } from './seccomp.ts';
import { pendingSignalsSchema, signalActionSchema } from './signals.ts';
import { threadsSchema } from './thread.ts';
import { queueSchema, semaphoreSetSchema } from './sysv.ts';
import { timersSchema } from './timers.ts';

/** An open file: descriptors of any process refer to it by id, so that dup, fork and SCM_RIGHTS sharing fall out. */
export const openFileSchema = z.strictObject({
  id: index,
  /** F_GETFL: access mode and status flags. */
  flags: u32,
  /** F_SETOWN_EX type and PID, F_SETSIG; absent when none. */
  owner: z
    .strictObject({ type: z.number().int(), pid: z.number().int(), signal: z.number().int() })
    .optional(),
  /** Of the inode, where it is one without a name: pipes, sockets, memfds. */
  access: z.strictObject({ uid: u32, gid: u32, mode: z.number().int().min(0).max(0o7777) }).optional(),
  /** Of the open file, whatever it is, and of processes that have it; absent when none. */
  locks: fileLocksSchema.optional(),
  resource: resourceImageSchema,
});
export type OpenFile = z.infer<typeof openFileSchema>;

export const descriptorSchema = z.strictObject({ fd, file: index, closeOnExec: z.boolean() });
export type Descriptor = z.infer<typeof descriptorSchema>;

export const processStateSchema = z.strictObject({
  pid,
  threads: threadsSchema,
  descriptors: list(descriptorSchema),
  mm: mmFieldsSchema,
  /** Of a removed one the path that it had. */
  cwd: path,
  removedCwd: removedDirectorySchema.optional(),
  root: path,
  umask: z.number().int().min(0).max(0o777),
  actions: list(signalActionSchema, 64),
  pending: pendingSignalsSchema,
  timers: timersSchema,
  /** Job-control stop: the signal that stopped it, and whether its parent has still to be told by wait(2). */
  jobStop: z.strictObject({ signal: z.number().int().min(19).max(22), isNews: z.boolean() }).optional(),
  seccomp: seccompSchema.optional(),
  limits: list(resourceLimitSchema, 16),
  oomScoreAdjust: z.number().int().min(-1000).max(1000),
  coredumpFilter: u32,
  dumpable: z.number().int().min(0).max(2),
  personality: u32,
  childSubreaper: z.boolean(),
  thpDisabled: z.boolean(),
  /** Of its memory, at the process that owns it; absent: none. */
  protectionKeys: protectionKeysSchema.optional(),
  controls: spaceControlsSchema,
});
export type ProcessState = z.infer<typeof processStateSchema>;

/** Runs of pages of one address space: [start, length in bytes, start, ...]. */
export const spaceRunsSchema = z.strictObject({ space: pid, runs: list(z.number().int().min(0)) });

export const treeStateSchema = z.strictObject({
  layout: treeLayoutSchema,
  processes: list(processStateSchema, 32_768),
  openFiles: list(openFileSchema),
  /** What the target still holds but the source no longer has: MADV_DONTNEED. */
  stale: list(spaceRunsSchema),
  /** Post-copy: what the target may hold of these is old, and the pages come when the tree runs. */
  missing: list(missingRunsSchema, 32_768).default([]),
  /** Guard pages: MADV_GUARD_INSTALL (Linux 6.13). */
  guards: list(spaceRunsSchema).default([]),
  /** Sealed mappings: mseal(2) (Linux 6.10). */
  sealed: list(spaceRunsSchema).default([]),
  /** System V objects that the tree uses. */
  queues: list(queueSchema, 32_768).default([]),
  semaphores: list(semaphoreSetSchema, 32_768).default([]),
  /** CLOCK_MONOTONIC as the tree sees it when timers were read: what has passed since is subtracted on arrival. */
  readAt: i64,
  /** --tcp-close was given: connections are dropped. */
  tcpClose: z.boolean(),
  /** --move-ip: this host gets them when the tree runs. */
  addresses: list(movedAddressSchema, 64).default([]),
  /** The tree's own network, as it is now. */
  network: networkTablesSchema.optional(),
});
export type TreeState = z.infer<typeof treeStateSchema>;

/** The target has the layout already, but for what is told apart from it. */
export const finalStateSchema = treeStateSchema.omit({ layout: true });

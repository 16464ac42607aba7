// What a tree needs of the target, told before anything moves, and what stands in the way.
import * as z from 'zod';
import { movedAddressSchema } from './addresses.ts';
import { forwardingSchema } from './forwarding.ts';
import { fileIdentitySchema, hugePageSize } from './memory.ts';
import { fanotifySchema } from './resources/fanotify.ts';
import { accessSchema } from './resources/inherited.ts';
import { networkSchema } from './network.ts';
import { queueNameSchema, queueShape } from './resources/mqueue.ts';
import { terminalNameSchema } from './resources/terminal.ts';
import { bytes, fd, list, path, pid, u32, u64 } from './scalars.ts';
import { sysvId, sysvKey } from './sysv.ts';

export const requirementsSchema = z.strictObject({
  bootId: z.string().max(64),
  kernelRelease: z.string().max(128),
  machine: z.string().max(32),
  /** Flags of /proc/cpuinfo. */
  cpuFlags: list(z.string().max(32), 1024),
  /** Bytes of NT_X86_XSTATE. */
  xstateSize: z.number().int().min(0),
  pids: list(pid),
  files: list(fileIdentitySchema),
  directories: list(path),
  /** Where files without a name are to be made; if a directory is not there, in the one above it. */
  places: list(path).default([]),
  /** Listening sockets: family, struct sockaddr, shown as text in messages; of connections their addresses, with port 0. */
  ports: list(
    z.strictObject({
      family: z.number().int(),
      type: z.number().int(),
      address: bytes(28),
      text: z.string().max(80),
    }),
  ),
  /** Some TCP connection goes along. */
  connections: z.boolean().default(false),
  /** The tree has raw sockets. */
  rawSockets: z.boolean().default(false),
  /** --move-ip: they must not be here yet, and there must be an interface for each. */
  addresses: list(movedAddressSchema, 64).default([]),
  /** --keep-connections forward. */
  forwarding: forwardingSchema.optional(),
  /** The tree's own, which moves along. */
  network: networkSchema.optional(),
  /** Sockets of others here, to which unix sockets of the tree (of that type) are connected. */
  elsewhere: list(
    z.strictObject({ object: z.string().max(8192), name: bytes(108), type: z.number().int() }),
    4096,
  ).default([]),
  /** Descriptors that receive must have been started with. */
  inherited: list(z.strictObject({ object: z.string().max(8192), fd, access: accessSchema }), 4096).default(
    [],
  ),
  /** Network interfaces that sockets name. */
  interfaces: list(z.string().min(1).max(15), 4096).default([]),
  /** Pseudoterminals, whose numbers must be free. */
  terminals: list(terminalNameSchema, 4096).default([]),
  /** POSIX message queues; names of unlinked ones need not be free. */
  messageQueues: list(
    z.strictObject({ ...queueShape, name: queueNameSchema, unlinked: z.boolean() }),
    4096,
  ).default([]),
  /** fanotify groups, which are tried. */
  fanotify: list(z.strictObject({ object: z.string().max(8192), group: fanotifySchema }), 4096).default([]),
  /** Memory that processes share and that has no name (MAP_SHARED | MAP_ANONYMOUS). */
  sharedAnonymous: z.boolean().default(false),
  /** Some mapping is sealed. */
  sealed: z.boolean().default(false),
  /** Some mapping has a protection key. */
  protectionKeys: z.boolean().default(false),
  /** Pages may come after the tree runs here. */
  postCopy: z.boolean().default(false),
  /** Bytes of memory that will be touched. */
  memory: z.number().int().min(0),
  /** Reserved huge pages (hugetlb): bytes of one, and how many. */
  hugePages: list(z.strictObject({ size: hugePageSize, count: z.number().int().min(1) }), 16).default([]),
  /** Every user and group ID of a thread: real, effective, saved, file-system. */
  uids: list(u32),
  gids: list(u32).default([]),
  /** Supplementary groups, each set once. */
  groups: list(list(u32, 65_536)).default([]),
  /** Some thread has seccomp filters; has capabilities. */
  seccomp: z.boolean().default(false),
  capabilities: z.boolean().default(false),
  cgroupFreezer: z.boolean(),
  /** Hard limits that have to be reached: resource number and value. */
  hardLimits: list(z.strictObject({ resource: z.number().int(), hard: u64 })),
  /** System V objects: their IDs and keys have to be free. */
  sysv: list(
    z.strictObject({
      kind: z.enum(['shm', 'sem', 'msg']),
      id: sysvId,
      key: sysvKey,
      owners: list(u32, 2),
      /** Of a queue: what has to fit into it. */
      room: u32.optional(),
    }),
  ).default([]),
  pidNamespace: z.enum(['auto', 'host', 'new']),
});
export type Requirements = z.infer<typeof requirementsSchema>;

/** One thing that stands in the way: what, why, and what can be done about it. */
export const blockerSchema = z.strictObject({
  side: z.enum(['source', 'target']),
  /** The object: "pid 17 fd 4 (/dev/pts/3)". */
  object: z.string().max(8192),
  reason: z.string().max(8192),
  remedy: z.string().max(8192),
});
export type Blocker = z.infer<typeof blockerSchema>;

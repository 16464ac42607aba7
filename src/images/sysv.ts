// System V IPC objects (sysvipc(7)). They belong to the IPC namespace, not to a process: programs know them by their IDs.
import * as z from 'zod';
import { bytes, i64, list, u32 } from './scalars.ts';

/** The kernel's int; negative ones are errors. */
export const sysvId = z.number().int().min(0).max(0x7fff_ffff);
/** As the kernel keeps it: signed; 0 is IPC_PRIVATE. */
export const sysvKey = z.number().int().min(-0x8000_0000).max(0x7fff_ffff);
/** A process that the kernel has noted down; 0: none, or one that is no part of the tree. */
const noted = z.number().int().min(0).max(4_194_304);

/** struct ipc_perm. */
const permissionFields = {
  id: sysvId,
  key: sysvKey,
  uid: u32,
  gid: u32,
  cuid: u32,
  cgid: u32,
  /** Permission bits; of segments SHM_DEST (01000) and SHM_LOCKED (02000) as well. */
  mode: z.number().int().min(0).max(0o7777),
};

export const segmentSchema = z.strictObject({
  ...permissionFields,
  /** Who made it, and who attached or detached last. */
  creator: noted,
  last: noted,
});
export type SegmentImage = z.infer<typeof segmentSchema>;
export type SysvPermissions = Pick<SegmentImage, keyof typeof permissionFields>;

/** A message queue (msgop(2)). When something was sent or received last is not carried: nobody can set it. */
export const queueSchema = z.strictObject({
  ...permissionFields,
  /** msg_qbytes: how many bytes of messages fit. */
  room: z.number().int().min(0).max(0x7fff_ffff),
  /** Who sent, and who received last. */
  sender: noted,
  receiver: noted,
  /** In their order. */
  messages: list(z.strictObject({ type: i64, text: bytes(1 << 30) })),
});
export type QueueImage = z.infer<typeof queueSchema>;

/** A semaphore set (semop(2)). When it was used last is not carried: nobody can set it. */
export const semaphoreSetSchema = z.strictObject({
  ...permissionFields,
  /** By number. */
  semaphores: list(z.strictObject({ value: z.number().int().min(0).max(32_767), last: noted }), 32_000),
  /** What is added to semaphores when a process ends (SEM_UNDO). */
  undo: list(
    z.strictObject({
      pid: noted,
      number: z.number().int().min(0).max(31_999),
      adjust: z.number().int().min(-32_768).max(32_767),
    }),
  ),
});
export type SemaphoreSetImage = z.infer<typeof semaphoreSetSchema>;

// What a program has set about itself by prctl(2) and membarrier(2).
import * as z from 'zod';
import { list, u32 } from './scalars.ts';

export const threadControlsSchema = z.strictObject({
  /** PR_MCE_KILL_GET: 0 late, 1 early, 2 as the host has it. */
  machineCheckKill: z.number().int().min(0).max(2),
  /** PR_GET_TSC: 1 readable, 2 SIGSEGV. */
  timeStampCounter: z.number().int().min(0).max(2),
  /** PR_GET_SPECULATION_CTRL of PR_SPEC_STORE_BYPASS, _INDIRECT_BRANCH and _L1D_FLUSH; 0: the kernel has no such control. */
  speculation: list(u32, 3),
});
export type ThreadControls = z.infer<typeof threadControlsSchema>;

export const spaceControlsSchema = z.strictObject({
  /** MEMBARRIER_CMD_REGISTER_* that have been made; undefined: the kernel does not tell (before Linux 6.3). */
  membarrier: u32.optional(),
  /** PR_GET_MEMORY_MERGE (Linux 6.4). */
  memoryMerge: z.boolean(),
});
export type SpaceControls = z.infer<typeof spaceControlsSchema>;

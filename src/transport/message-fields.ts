// Fields that messages of both directions share.
import * as z from 'zod';

/** Becomes a directory name on both hosts: letters, digits, - and _, and no leading dash. */
export const migrationIdPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
export const migrationId = z.string().regex(migrationIdPattern, 'not a migration id');

export const version = z.number().int().min(0);
export const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
/** Number of a page frame, counted from 1 over the whole migration; 0: none. */
export const sequence = count;

/** Who speaks. The boot id tells a host that rebooted (and so lost its copy) from one that did not. */
export const hostFields = {
  bootId: z.string().max(64),
  kernel: z.strictObject({ release: z.string().max(128), machine: z.string().max(32) }),
};

/** A GodwitError on the wire. */
export const problemFields = {
  code: z.string().min(1).max(32),
  message: z.string().max(16_384),
  hint: z.string().max(16_384).optional(),
};
export const problemSchema = z.strictObject(problemFields);
export type Problem = z.infer<typeof problemSchema>;

/** Named durations in milliseconds, for the closing report. */
export const times = z.record(z.string().min(1).max(64), z.number());

// The small types that every image is made of. Limits stand here, so that a hostile peer meets them first.
import * as z from 'zod';

/** A PID or TID as the tree sees itself. Linux: PID_MAX_LIMIT is 2^22. */
export const pid = z.number().int().min(1).max(4_194_304);
/** A session or group ID; 0 when its leader lives outside the tree's PID namespace. */
export const groupId = z.number().int().min(0).max(4_194_304);
export const fd = z.number().int().min(0).max(1_073_741_816);
/** A user-space address or length in bytes: exact as a number, below 2^47. */
export const address = z.number().int().min(0).max(0x7fff_ffff_f000);
export const pageAligned = address.refine((value) => value % 4096 === 0, 'not page-aligned');
export const u64 = z.bigint().min(0n).max(0xffff_ffff_ffff_ffffn);
export const i64 = z
  .bigint()
  .min(-(2n ** 63n))
  .max(2n ** 63n - 1n);
export const u32 = z.number().int().min(0).max(0xffff_ffff);
/** Identifies an entry of a list in the same image. */
export const index = z.number().int().min(0).max(1_000_000);
/** Linux: PATH_MAX. An absolute path as the tree sees it. */
export const path = z.string().min(1).max(4096);
/** Nanoseconds; of durations and of clocks. */
export const nanoseconds = i64;

/** Bytes that are copied out of the message: what msgpackr hands over is a view into it. */
export function bytes(maxLength: number): z.ZodType<Uint8Array<ArrayBuffer>> {
  const isBytes = (value: unknown): boolean => value instanceof Uint8Array && value.length <= maxLength;
  return z
    .custom<Uint8Array>(isBytes, `not bytes of at most ${maxLength}`)
    .transform((value) => new Uint8Array(value));
}

/** The same of a fixed length. */
export function exactBytes(length: number): z.ZodType<Uint8Array<ArrayBuffer>> {
  const isExact = (value: unknown): boolean => value instanceof Uint8Array && value.length === length;
  return z.custom<Uint8Array>(isExact, `not ${length} bytes`).transform((value) => new Uint8Array(value));
}

/** Lists are bounded: 1,000,000 entries is past anything a tree holds. */
export function list<T extends z.ZodType>(item: T, max = 1_000_000): z.ZodArray<T> {
  return z.array(item).max(max);
}

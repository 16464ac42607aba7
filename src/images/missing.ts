// Post-copy: pages of an address space that the target does not have when the tree runs there.
import * as z from 'zod';
import { bytes, pid } from './scalars.ts';

/** 2 million runs of one space. */
const mostBytes = 32 << 20;
const pageSize = 4096;

/**
 * Runs [start, length in bytes] as f64 LE, one after the other: whole pages, ascending, not overlapping, below 2^47. As bytes, for there may
 * be hundreds of thousands.
 */
export const missingRunsSchema = z.strictObject({
  space: pid,
  runs: bytes(mostBytes).refine(isRuns, 'no runs of pages'),
});
export type MissingRuns = z.infer<typeof missingRunsSchema>;

export function runsOfBytes(bytes: Uint8Array): { readonly runs: Float64Array; readonly count: number } {
  return { runs: new Float64Array(bytes.slice().buffer), count: bytes.length / 16 };
}

export function bytesOfRuns({
  runs,
  count,
}: {
  readonly runs: Float64Array;
  readonly count: number;
}): Uint8Array<ArrayBuffer> {
  const copy = runs.slice(0, 2 * count);
  return new Uint8Array(copy.buffer);
}

function isRuns(bytes: Uint8Array): boolean {
  if (bytes.length % 16 !== 0) return false;
  const { runs, count } = runsOfBytes(bytes);
  let end = 0;
  for (let i = 0; i < count; i++) {
    const [start = -1, length = 0] = [runs[2 * i], runs[2 * i + 1]];
    if (!Number.isInteger(start) || !Number.isInteger(length) || start < end || length <= 0) return false;
    if (start % pageSize !== 0 || length % pageSize !== 0 || start + length > 2 ** 47) return false;
    end = start + length;
  }
  return true;
}

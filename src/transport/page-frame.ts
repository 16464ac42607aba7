// One message of a page connection: a run of pages of one address space or shared object, with its content.
//
//        +-----------+----------------+--------------------------------+---------------------+
//        | u32 LE    | msgpack        | runs x (f64 LE start, f64 LE   | payload: the pages  |
//        | length of | header         | length), in bytes, ascending   | of all runs, one    |
//        | header    | <= 1024 bytes  |                                | after the other, or |
//        |           |                |                                | deltas; compressed  |
//        +-----------+----------------+--------------------------------+---------------------+
//        ^ right-aligned: written backwards from the payload           ^ headRoom, page-aligned
//
// The payload is read straight into a block (page-block.ts) behind `headRoom` bytes; the rest is put in front of it,
// so that one contiguous buffer leaves without a copy. Frames of zero pages have runs but no payload.
// Decoding copies the runs (they must be aligned) but never the payload, and believes nothing: lengths, order and
// sums are checked before the pages are touched. A compressed payload must be shorter than its pages, and expand to exactly as many
// bytes as the runs have, or as the header tells of deltas: they bound what it may become before anything is expanded. The checksum is that
// of the pages, also of those that deltas make of what the target has: with others under them it is another one.
import { GodwitError } from '../errors.ts';
import { pageSize, userEnd } from '../units.ts';
import type { Expand } from './codec.ts';
import type { Patch } from './deltas.ts';
import { maxPageHeader, maxPagePayload, maxRuns } from './limits.ts';
import { badFrame, decodeHeader, encodeHeaderBefore } from './page-header.ts';
import type { Header } from './page-header.ts';

export const runBytes = 16;
/** Hashes a payload; both sides must use the same (xxh3-64). */
export type Checksum = (payload: Uint8Array) => bigint;

/** What the sender says of a frame. `space` is a PID (kind 'space') or the id of a shared object (kind 'object'). */
export interface PageFrameInfo {
  readonly round: number;
  readonly space: number;
  readonly kind: 'space' | 'object';
  /** Pairs [start, length in bytes], ascending, not overlapping; object: start is the offset in it. */
  readonly runs: Float64Array;
  readonly runCount: number;
}

export interface PageFrame extends PageFrameInfo {
  readonly sequence: number;
  /** All pages are zero: no payload. */
  readonly zero: boolean;
  /** A view into the message, or what was expanded from it: valid until the handler returns. */
  readonly payload: Uint8Array;
}

/**
 * Writes header and runs so that they end at `payloadAt` of `block`. Returns where the message begins.
 * @throws GodwitError LIMIT (runs), INTERNAL (the runs are not what receivers accept)
 */
export function encodeInFront(
  block: Buffer,
  payloadAt: number,
  info: PageFrameInfo,
  rest: Pick<Header, 'sequence' | 'zero' | 'checksum' | 'codec' | 'delta'>,
): number {
  const { round, space, kind, runs, runCount } = info;
  if (runCount > maxRuns) throw new GodwitError('LIMIT', `${runCount} runs do not fit a page frame`);
  const runsAt = payloadAt - runCount * runBytes;
  const header = { round, space, kind, runs: runCount, ...rest };
  const length = runCount < 1 ? Infinity : encodeHeaderBefore(block, runsAt, header);
  const begin = runsAt - length - 4;
  if (begin < 0) throw new GodwitError('INTERNAL', `no room for ${runCount} runs in a page block`);
  block.writeUInt32LE(length, begin);
  // x86-64 is little-endian, and so is the wire.
  block.set(new Uint8Array(runs.buffer, runs.byteOffset, runCount * runBytes), runsAt);
  return begin;
}

/** Bytes of the pages of all runs. */
export function lengthOfRuns({ runs, runCount }: Pick<PageFrameInfo, 'runs' | 'runCount'>): number {
  let sum = 0;
  for (let i = 0; i < runCount; i++) sum += runs[2 * i + 1] ?? 0;
  return sum;
}

/** What a frame's content is made and checked by. */
export interface Contents {
  readonly checksum: Checksum;
  readonly expand: Expand;
  readonly patch: Patch;
}

/** The checksum of a message's bytes from one on, made while it was read: of its payload if that begins there, else of no use. */
export interface Hashed {
  readonly from: number;
  readonly hash: bigint;
}

/** @throws GodwitError PROTOCOL or LIMIT, and what `patch` throws; nothing of the frame may be used then. */
export function decodePageFrame(
  message: Buffer,
  { checksum, expand, patch }: Contents,
  hashed?: Hashed,
): PageFrame {
  if (message.length < 4) throw badFrame('is too short');
  const headerLength = message.readUInt32LE(0);
  if (headerLength > maxPageHeader) throw badFrame(`has a header of ${headerLength} bytes`);
  if (4 + headerLength > message.length) throw badFrame('is cut off in its header');
  const header = decodeHeader(message.subarray(4, 4 + headerLength));
  const runsAt = 4 + headerLength;
  const payloadAt = runsAt + header.runs * runBytes;
  if (payloadAt > message.length) throw badFrame('is cut off in its runs');
  const runs = new Float64Array(header.runs * 2);
  new Uint8Array(runs.buffer).set(message.subarray(runsAt, payloadAt));
  const sum = checkRuns(runs, header);
  const expected = header.zero ? 0 : sum;
  if (expected > maxPagePayload) throw badFrame(`tells of ${expected} bytes of pages`);
  const { sequence, round, space, kind, zero, delta } = header;
  if (delta !== undefined && delta >= expected)
    throw badFrame(`has ${delta} bytes of deltas for ${expected} of pages`);
  const content = contentOf(header, message.subarray(payloadAt), delta ?? expected, expand);
  const payload =
    delta === undefined ? content : patch({ space, kind, runs, runCount: header.runs }, content, expected);
  if (payload === undefined) throw badFrame(`has deltas that are none (frame ${sequence})`);
  const isHashed = hashed?.from === payloadAt && header.codec === undefined && delta === undefined;
  if (!zero && (isHashed ? hashed.hash : checksum(payload)) !== header.checksum) throw damaged(header);
  return { sequence, round, space, kind, zero, runs, runCount: header.runs, payload };
}

function damaged({ sequence, delta, kind, space }: Header): GodwitError {
  if (delta === undefined)
    return new GodwitError(
      'PROTOCOL',
      `page frame ${sequence} was damaged on the way: its checksum is wrong`,
      {
        hint: 'the memory or the network of one of the hosts is faulty',
      },
    );
  const what = kind === 'space' ? `process ${space}` : `shared object ${space}`;
  return new GodwitError(
    'PROTOCOL',
    `page frame ${sequence} changes pages of ${what} that are other ones here, or was damaged on the way: its checksum is wrong`,
    { hint: 'migrate again with --delta-cache 0, which sends whole pages' },
  );
}

function contentOf(
  { codec, sequence }: Header,
  payload: Uint8Array,
  expected: number,
  expand: Expand,
): Uint8Array {
  if (codec === undefined) {
    if (payload.length === expected) return payload;
    throw badFrame(`has ${payload.length} bytes of pages where ${expected} were told`);
  }
  if (payload.length === 0 || payload.length >= expected)
    throw badFrame(`has ${payload.length} bytes of ${codec} for ${expected} bytes of pages`);
  const content = expand(codec, payload, expected);
  if (content?.length === expected) return content;
  throw badFrame(`does not expand by ${codec} to the ${expected} bytes of its pages (frame ${sequence})`);
}

/** Returns the sum of the lengths. */
function checkRuns(runs: Float64Array, header: Header): number {
  const limit = header.kind === 'space' ? userEnd + 1 : Number.MAX_SAFE_INTEGER;
  let end = 0;
  let sum = 0;
  for (let i = 0; i < runs.length; i += 2) {
    const start = runs[i] ?? NaN;
    const length = runs[i + 1] ?? NaN;
    const isWhole = Number.isSafeInteger(start) && Number.isSafeInteger(length);
    if (!isWhole || start % pageSize !== 0 || length % pageSize !== 0 || length <= 0) {
      throw badFrame(`has a run that is not made of whole pages (frame ${header.sequence})`);
    }
    if (start < end) throw badFrame(`has runs that overlap or are out of order (frame ${header.sequence})`);
    end = start + length;
    if (end > limit) throw badFrame(`has a run past the end of user space (frame ${header.sequence})`);
    sum += length;
  }
  return sum;
}

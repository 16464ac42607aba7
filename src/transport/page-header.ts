// The msgpack header of a page frame. That of pages as they are always looks the same but for its numbers, which we write with fixed widths:
// it is written and read by their places, in a fraction of the time that msgpack and a schema take. Any other is left to those; what
// is read by places they read alike, and nothing is taken that they would refuse (test/unit/transport/page-header.test.ts).
import * as z from 'zod';
import { GodwitError } from '../errors.ts';
import { u64 } from '../images/scalars.ts';
import { packedCodecs } from './codec.ts';
import { maxPagePayload, maxRuns } from './limits.ts';
import { count } from './message-fields.ts';
import { packMessage, unpackMessage } from './wire-codec.ts';

/** Linux: PID_MAX_LIMIT. */
const maxSpace = 4_194_304;

const headerSchema = z.strictObject({
  sequence: count.min(1),
  round: count,
  space: z.number().int().min(0).max(maxSpace),
  kind: z.enum(['space', 'object']),
  zero: z.boolean(),
  runs: z.number().int().min(1).max(maxRuns),
  checksum: u64,
  /** None: the pages themselves. */
  codec: z.enum(packedCodecs).optional(),
  /** Bytes of the deltas (native/sys/delta.h) that travel instead of the pages; none: the pages. */
  delta: count.min(1).max(maxPagePayload).optional(),
});
export type Header = z.infer<typeof headerSchema>;

/** Places of the values in a header of one kind, behind their tags; `zero` is a tag. */
interface Places {
  readonly bytes: Buffer;
  readonly at: Readonly<Record<'sequence' | 'round' | 'space' | 'zero' | 'runs' | 'checksum', number>>;
  /** Headers that are read are compared here: with their numbers blotted out they must be `bytes`. */
  readonly scratch: Buffer;
}

/** Tags of msgpack: what fits no float64 alone is a uint64. */
const [float64, uint64, no, yes] = [0xcb, 0xcf, 0xc2, 0xc3] as const;
const numbers = ['sequence', 'round', 'space', 'runs', 'checksum'] as const;

function placesOf(kind: Header['kind']): Places {
  const string = (text: string): Buffer => Buffer.concat([Buffer.of(0xa0 + text.length), Buffer.from(text)]);
  const at = { sequence: 0, round: 0, space: 0, zero: 0, runs: 0, checksum: 0 };
  let bytes = Buffer.of(0x80 + 7);
  for (const key of [...numbers, 'zero', 'kind'] as const) {
    bytes = Buffer.concat([bytes, string(key)]);
    if (key === 'kind') bytes = Buffer.concat([bytes, string(kind)]);
    else if (key === 'zero') {
      at.zero = bytes.length;
      bytes = Buffer.concat([bytes, Buffer.of(no)]);
    } else {
      at[key] = bytes.length + 1;
      bytes = Buffer.concat([bytes, Buffer.of(key === 'checksum' ? uint64 : float64), Buffer.alloc(8)]);
    }
  }
  return { bytes, at, scratch: Buffer.from(bytes) };
}

const places = { space: placesOf('space'), object: placesOf('object') } as const;

/** Writes it so that it ends at `end` of `block`. Returns its length; more than fits in front of `end`: nothing was written. */
export function encodeHeaderBefore(block: Buffer, end: number, header: Header): number {
  const { codec, delta, ...rest } = header;
  if (codec !== undefined || delta !== undefined) {
    const packed = packMessage({ ...rest, ...(codec && { codec }), ...(delta && { delta }) });
    if (packed.length <= end) packed.copy(block, end - packed.length);
    return packed.length;
  }
  const { bytes, at } = places[header.kind];
  const begin = end - bytes.length;
  if (begin < 0) return bytes.length;
  bytes.copy(block, begin);
  block.writeDoubleBE(header.sequence, begin + at.sequence);
  block.writeDoubleBE(header.round, begin + at.round);
  block.writeDoubleBE(header.space, begin + at.space);
  block.writeDoubleBE(header.runs, begin + at.runs);
  block.writeBigUInt64BE(header.checksum, begin + at.checksum);
  if (header.zero) block[begin + at.zero] = yes;
  return bytes.length;
}

/** @throws GodwitError PROTOCOL */
export function decodeHeader(bytes: Buffer): Header {
  return readByPlaces(bytes, 'space') ?? readByPlaces(bytes, 'object') ?? decodeAnyHeader(bytes);
}

/** By msgpack and the schema alone. @throws GodwitError PROTOCOL */
export function decodeAnyHeader(bytes: Buffer): Header {
  const parsed = headerSchema.safeParse(unpackMessage(bytes));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw badFrame(`has a bad header: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}

/** undefined: it has another form, or numbers that the schema refuses. */
function readByPlaces(header: Buffer, kind: Header['kind']): Header | undefined {
  const { bytes, at, scratch } = places[kind];
  if (header.length !== bytes.length) return undefined;
  const zero = header[at.zero] === yes;
  header.copy(scratch);
  for (const key of numbers) scratch.fill(0, at[key], at[key] + 8);
  if (zero) scratch[at.zero] = no;
  if (!scratch.equals(bytes)) return undefined;
  const sequence = header.readDoubleBE(at.sequence);
  const round = header.readDoubleBE(at.round);
  const space = header.readDoubleBE(at.space);
  const runs = header.readDoubleBE(at.runs);
  if (!isIn(sequence, 1) || !isIn(round, 0) || !isIn(space, 0, maxSpace) || !isIn(runs, 1, maxRuns))
    return undefined;
  return { sequence, round, space, kind, zero, runs, checksum: header.readBigUInt64BE(at.checksum) };
}

function isIn(value: number, least: number, most = Number.MAX_SAFE_INTEGER): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= most;
}

export function badFrame(what: string): GodwitError {
  return new GodwitError('PROTOCOL', `a page frame of the source ${what}`);
}

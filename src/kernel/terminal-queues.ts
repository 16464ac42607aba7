// What waits in a terminal, as the native side lays it out (native/sys/terminal_queues.h): u32 stop, u32 lines, then lines, rest,
// excess and output, each with its length.
import { GodwitError } from '../errors.ts';

export interface WaitingBytes {
  readonly stop: 'no' | 'program' | 'character';
  readonly lines: Uint8Array<ArrayBuffer>[];
  readonly rest: Uint8Array<ArrayBuffer>;
  readonly excess: Uint8Array<ArrayBuffer>;
  readonly output: Uint8Array<ArrayBuffer>;
}

const stops = ['no', 'program', 'character'] as const;

export const nothingWaits: WaitingBytes = {
  stop: 'no',
  lines: [],
  rest: new Uint8Array(),
  excess: new Uint8Array(),
  output: new Uint8Array(),
};

export function encodeQueues({ stop, lines, rest, excess, output }: WaitingBytes): Uint8Array<ArrayBuffer> {
  const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
  const counted = [...lines, rest, excess, output].flatMap((bytes) => [u32(bytes.length), bytes]);
  return new Uint8Array(Buffer.concat([u32(stops.indexOf(stop)), u32(lines.length), ...counted]));
}

/** @throws GodwitError INTERNAL */
export function decodeQueues(bytes: Uint8Array<ArrayBuffer>): WaitingBytes {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 8;
  const next = (): Uint8Array<ArrayBuffer> => {
    const length = view.getUint32(at, true);
    at += 4 + length;
    return bytes.slice(at - length, at);
  };
  const stop = stops[view.getUint32(0, true)];
  const lines = Array.from({ length: view.getUint32(4, true) }, next);
  const [rest, excess, output] = [next(), next(), next()];
  if (stop === undefined || at !== bytes.length)
    throw new GodwitError('INTERNAL', 'the keeper gave something else than what waits in a terminal');
  return { stop, lines, rest, excess, output };
}

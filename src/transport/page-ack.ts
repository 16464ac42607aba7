// The one message that flows back on a page connection: up to which frame everything has been written.
//
//        +--------------+-----------------------------+
//        | u32 LE  = 1  | f64 LE  sequence            |
//        +--------------+-----------------------------+
import { ackBytes } from './limits.ts';

const ackType = 1;

export function encodeAck(sequence: number): Buffer {
  const bytes = Buffer.allocUnsafe(ackBytes);
  bytes.writeUInt32LE(ackType, 0);
  bytes.writeDoubleLE(sequence, 4);
  return bytes;
}

/** undefined: not an acknowledgement. */
export function decodeAck(bytes: Buffer): number | undefined {
  if (bytes.length !== ackBytes || bytes.readUInt32LE(0) !== ackType) return undefined;
  const sequence = bytes.readDoubleLE(4);
  return Number.isSafeInteger(sequence) && sequence >= 0 ? sequence : undefined;
}

// msgpack for control messages and page headers: plain maps, no records, no extensions but "undefined".
// Bigints and numbers stay apart: a bigint travels as int64 or uint64, a number as a short integer or a float.
import { Packr } from 'msgpackr';
import { GodwitError } from '../errors.ts';
import { scanMsgpack } from './msgpack-scan.ts';

const packr = new Packr({ useRecords: false, mapsAsObjects: true, int64AsType: 'bigint' });

/** The bytes are a view into a buffer of their own: nothing later overwrites them. */
export function packMessage(value: unknown): Buffer {
  return packr.pack(value);
}

/**
 * Byte strings inside the result are views into `bytes`: schemas copy what is kept.
 * @throws GodwitError PROTOCOL or LIMIT; every throw of the decoder counts as invalid input.
 */
export function unpackMessage(bytes: Uint8Array): unknown {
  scanMsgpack(bytes);
  try {
    return packr.unpack(bytes) as unknown;
  } catch (error) {
    throw new GodwitError(
      'PROTOCOL',
      `not a msgpack message: ${error instanceof Error ? error.message : 'undecodable'}`,
      {
        cause: error,
      },
    );
  }
}

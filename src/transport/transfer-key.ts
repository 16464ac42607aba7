// What `receive` prints and `migrate --key` takes: which target it is, and the right to bring it a tree.
//
//        gw1_ base64url of  +-------------------------------------+------------------+
//                           | SHA-256 of the public key (SPKI,    | secret           |
//                           | RFC 5280 4.1) of its certificate    | 32 random bytes  |
//                           +-------------------------------------+------------------+
import { createHash, X509Certificate } from 'node:crypto';
import { GodwitError } from '../errors.ts';

export interface TransferKey {
  /** SHA-256 of the SPKI: 32 bytes. */
  readonly pin: Buffer;
  readonly secret: Buffer;
}

const prefix = 'gw1_';
export const secretBytes = 32;
const pinBytes = 32;

export function formatKey({ pin, secret }: TransferKey): string {
  return prefix + Buffer.concat([pin, secret]).toString('base64url');
}

/** @throws GodwitError USAGE, without the text: it may be a secret all the same. */
export function parseKey(text: string, option: string): TransferKey {
  const trimmed = text.trim();
  const bytes = Buffer.from(trimmed.slice(prefix.length), 'base64url');
  const isWhole = bytes.length === pinBytes + secretBytes;
  if (
    !isWhole ||
    formatKey({ pin: bytes.subarray(0, pinBytes), secret: bytes.subarray(pinBytes) }) !== trimmed
  )
    throw new GodwitError('USAGE', `${option} is not a key of godwit receive, or not all of it`, {
      hint: 'copy all of what follows --key in the line that receive prints: gw1_ and 86 characters',
    });
  return { pin: bytes.subarray(0, pinBytes), secret: bytes.subarray(pinBytes) };
}

/** `certificate`: PEM, or DER. */
export function pinOf(certificate: string | Buffer | X509Certificate): Buffer {
  const read = certificate instanceof X509Certificate ? certificate : new X509Certificate(certificate);
  return createHash('sha256')
    .update(read.publicKey.export({ type: 'spki', format: 'der' }))
    .digest();
}

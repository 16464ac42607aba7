// The files of --tls-dir.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GodwitError } from '../errors.ts';

/** PEM. @throws GodwitError USAGE */
export function readTlsFile(folder: string, name: string): string {
  const path = join(folder, name);
  try {
    const text = readFileSync(path, 'utf8');
    if (text.includes('-----BEGIN ')) return text;
    throw new Error('it is not PEM');
  } catch (cause) {
    throw new GodwitError('USAGE', `--tls-dir: ${path}: ${(cause as Error).message}`, {
      hint: 'receive needs ca-cert.pem, server-cert.pem and server-key.pem there; migrate ca-cert.pem, client-cert.pem and client-key.pem',
      cause,
    });
  }
}

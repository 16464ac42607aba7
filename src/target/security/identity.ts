// The certificate by which a target is known: made on its first start and kept, so that what a source has pinned stays true; or the
// operator's own (--tls-dir).
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GodwitError } from '../../errors.ts';
import { stateDir } from '../../kernel/run-dir.ts';
import { native } from '../../native.ts';
import { pinOf } from '../../transport/transfer-key.ts';

/** PEM. */
export interface Identity {
  readonly certificate: string;
  readonly key: string;
}

const fileName = 'receive.pem';
/** It is pinned, not believed: its end would be no more than a surprise. */
const validDays = 20 * 365;

/** Two that start at once end up with the same one. @throws GodwitError NO_RIGHTS, USAGE */
export function ownIdentity(): Identity {
  const path = join(stateDir(), fileName);
  return readIdentity(path) ?? makeIdentity(path);
}

function readIdentity(path: string): Identity | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new GodwitError('NO_RIGHTS', `${path} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const [certificate] = /-----BEGIN CERTIFICATE-----[^]+?-----END CERTIFICATE-----\n/.exec(text) ?? [];
  const [key] = /-----BEGIN PRIVATE KEY-----[^]+?-----END PRIVATE KEY-----\n/.exec(text) ?? [];
  try {
    if (certificate === undefined || key === undefined) throw new Error('it lacks one of the two');
    pinOf(certificate);
    return { certificate, key };
  } catch (cause) {
    throw new GodwitError('USAGE', `${path} is not a certificate and its key`, {
      hint: 'remove it: receive makes another one, and sources have to be given the new line that it prints',
      cause,
    });
  }
}

function makeIdentity(path: string): Identity {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  const certificate = native.selfSigned(key, 'godwit receive', validDays);
  const unfinished = `${path}.${process.pid}`;
  try {
    mkdirSync(stateDir(), { recursive: true, mode: 0o700 });
    writeFileSync(unfinished, certificate + key, { mode: 0o600, flag: 'wx' });
    chmodSync(unfinished, 0o600); // whatever the umask left
    linkSync(unfinished, path); // unlike rename(2): whoever was first stays
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw new GodwitError(
        'NO_RIGHTS',
        `no certificate can be kept in ${path}: ${(error as Error).message}`,
        {
          hint: 'let receive write there, choose another folder with GODWIT_STATE_DIR, or give it --tls-dir',
          cause: error,
        },
      );
    }
  } finally {
    rmSync(unfinished, { force: true });
  }
  return readIdentity(path) ?? { certificate, key };
}

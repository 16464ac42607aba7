// --key, --key-file, --tls-dir, --plaintext: how a source and its target know each other.
import { readFileSync } from 'node:fs';
import { GodwitError } from '../errors.ts';
import { plaintext, type Security } from '../transport/security.ts';
import { parseKey } from '../transport/transfer-key.ts';
import { readTlsFile } from './tls-dir.ts';

export interface SecurityArguments {
  readonly key: string | undefined;
  readonly 'key-file': string | undefined;
  readonly 'tls-dir': string | undefined;
  readonly plaintext: boolean;
}

export const securityOptions = {
  key: {
    type: 'string',
    requiresArg: true,
    describe: 'what receive printed; also from GODWIT_KEY in the environment, which other users cannot see',
  },
  'key-file': { type: 'string', requiresArg: true, describe: 'a file with the key; -: standard input' },
  'tls-dir': {
    type: 'string',
    requiresArg: true,
    describe: 'a folder with ca-cert.pem, client-cert.pem and client-key.pem, in the place of a key',
  },
  plaintext: {
    type: 'boolean',
    default: false,
    describe: 'encrypt nothing and ask nobody who he is; receive must be told so too',
  },
} as const;

/** @throws GodwitError USAGE: none, several, or what they name cannot be read */
export function parseSecurity(args: SecurityArguments): Security {
  const given = [
    ...(['key', 'key-file', 'tls-dir'] as const).filter((name) => args[name] !== undefined),
    ...(args.plaintext ? ['plaintext'] : []),
  ];
  if (given.length > 1)
    throw new GodwitError('USAGE', `--${given[0] ?? ''} and --${given[1] ?? ''} exclude each other`);
  if (args.plaintext) return plaintext;
  if (args['tls-dir'] !== undefined) {
    const [ca, certificate, key] = ['ca-cert.pem', 'client-cert.pem', 'client-key.pem'].map((name) =>
      readTlsFile(args['tls-dir'] ?? '', name),
    );
    return { kind: 'certificates', ca: ca ?? '', certificate: certificate ?? '', key: key ?? '' };
  }
  const [text, option] = keyText(args);
  if (text === undefined || text === '') {
    throw new GodwitError('USAGE', 'how is the target to be known? There is no --key', {
      hint: 'paste the line that godwit receive printed; or give --tls-dir with certificates, or --plaintext on both sides',
    });
  }
  return { kind: 'key', ...parseKey(text, option) };
}

function keyText(args: SecurityArguments): [string | undefined, string] {
  if (args.key !== undefined) return [args.key, '--key'];
  const file = args['key-file'];
  if (file === undefined) return [process.env['GODWIT_KEY'], 'GODWIT_KEY'];
  try {
    return [readFileSync(file === '-' ? 0 : file, 'utf8'), '--key-file'];
  } catch (cause) {
    throw new GodwitError('USAGE', `--key-file ${file} cannot be read: ${(cause as Error).message}`, {
      cause,
    });
  }
}

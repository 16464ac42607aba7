// --key-uses, --key-expires, --tls-dir, --allow, --plaintext of receive: whom it lets in.
import { GodwitError } from '../errors.ts';
import { ownIdentity } from '../target/security/identity.ts';
import type { TargetSecurity } from '../target/security/target-security.ts';
import { readTlsFile } from './tls-dir.ts';

export interface TargetSecurityArguments {
  readonly 'key-uses': number | undefined;
  readonly 'key-expires': string | undefined;
  readonly 'tls-dir': string | undefined;
  readonly allow: readonly string[];
  readonly plaintext: boolean;
}

export const targetSecurityOptions = {
  'key-uses': {
    type: 'number',
    describe:
      'migrations that the printed key may bring, and no more; without it one, and the next key follows',
  },
  'key-expires': {
    type: 'string',
    requiresArg: true,
    describe: 'how long a key is good: 90s, 30m, 8h, 7d. Default: 24h',
  },
  'tls-dir': {
    type: 'string',
    requiresArg: true,
    describe:
      'a folder with ca-cert.pem, server-cert.pem and server-key.pem: no key is printed, whoever has a certificate of that CA may bring trees',
  },
  allow: {
    type: 'string',
    array: true,
    requiresArg: true,
    default: [] as string[],
    describe: 'with --tls-dir: a common name (CN) that may bring trees, and nobody else may',
  },
  plaintext: {
    type: 'boolean',
    default: false,
    describe: 'encrypt nothing, and take trees from whoever can connect; migrate must be told so too',
  },
} as const;

const defaultExpiry = '24h';
const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
/** setTimeout knows no longer ones. */
const mostMs = 2 ** 31 - 1;

/** @throws GodwitError USAGE, NO_RIGHTS */
export function parseTargetSecurity(
  args: TargetSecurityArguments,
  onKey: (key: string) => void,
): TargetSecurity {
  const { 'tls-dir': folder, 'key-uses': uses, 'key-expires': expires, allow } = args;
  const wantsKey = uses !== undefined || expires !== undefined;
  if ((args.plaintext && (folder !== undefined || wantsKey)) || (folder !== undefined && wantsKey))
    throw new GodwitError(
      'USAGE',
      '--plaintext, --tls-dir, and --key-uses or --key-expires exclude each other',
    );
  if (allow.length > 0 && folder === undefined)
    throw new GodwitError('USAGE', '--allow is about certificates: it goes with --tls-dir');
  if (args.plaintext) return { kind: 'plaintext' };
  if (folder !== undefined) {
    const [ca = '', certificate = '', key = ''] = ['ca-cert.pem', 'server-cert.pem', 'server-key.pem'].map(
      (name) => readTlsFile(folder, name),
    );
    return { kind: 'certificates', identity: { certificate, key }, ca, allow };
  }
  if (uses !== undefined && !(Number.isInteger(uses) && uses > 0))
    throw new GodwitError('USAGE', '--key-uses takes a whole number above 0');
  return {
    kind: 'key',
    identity: ownIdentity(),
    uses,
    expiresMs: parseExpiry(expires ?? defaultExpiry),
    onKey,
  };
}

function parseExpiry(text: string): number {
  const [, digits, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const ms = Number(digits) * (secondsOf[unit ?? ''] ?? 0) * 1000;
  if (!(ms > 0 && ms <= mostMs))
    throw new GodwitError('USAGE', `--key-expires ${text}: a time like 90s, 30m, 8h or 7d, up to 24d`);
  return ms;
}

// How a source knows its target, and is known by it. One migration turns a key, or a certificate, into a session, which is all that its
// other connections need, those of `resolve` included: it is what the journal keeps.
import * as z from 'zod';
import type { TransferKey } from './transfer-key.ts';

/** PEM: of --tls-dir. */
export interface Certificates {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

export interface Session {
  readonly kind: 'session';
  /** The target's (TransferKey). */
  readonly pin: Buffer;
  readonly secret: Buffer;
  /** Where the target asks for a certificate on every connection. */
  readonly certificates?: Certificates | undefined;
}

export type Security =
  | { readonly kind: 'plaintext' }
  | ({ readonly kind: 'key' } & TransferKey)
  | ({ readonly kind: 'certificates' } & Certificates)
  | Session;

/** How the other connections of a migration are made. */
export type SessionSecurity = Session | { readonly kind: 'plaintext' };

export const plaintext: { readonly kind: 'plaintext' } = { kind: 'plaintext' };

const certificatesSchema = z.object({ ca: z.string(), certificate: z.string(), key: z.string() });
const bytes = z.string().transform((text) => Buffer.from(text, 'base64url'));
const schema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('plaintext') }),
  z.object({
    kind: z.literal('session'),
    pin: bytes,
    secret: bytes,
    certificates: certificatesSchema.optional(),
  }),
]);

/** As a journal keeps it, which only its owner can read. */
export function recordOf(security: SessionSecurity): Readonly<Record<string, unknown>> {
  if (security.kind === 'plaintext') return security;
  const { pin, secret } = security;
  return { ...security, pin: pin.toString('base64url'), secret: secret.toString('base64url') };
}

/** undefined: the record is none. */
export function securityOf(record: unknown): SessionSecurity | undefined {
  const parsed = schema.safeParse(record);
  return parsed.success ? parsed.data : undefined;
}

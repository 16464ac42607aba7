// The two vocabularies of the control connection, and how bytes become a message of one of them.
// Nothing of a peer is believed before it has passed through here.
import * as z from 'zod';
import { GodwitError } from '../errors.ts';
import { maxControlMessage, protocolMagic, protocolVersion } from './limits.ts';
import { sourceMessages, sourceMessageSchema } from './source-messages.ts';
import type { SourceMessage } from './source-messages.ts';
import { targetMessages, targetMessageSchema } from './target-messages.ts';
import type { TargetMessage } from './target-messages.ts';
import { packMessage, unpackMessage } from './wire-codec.ts';

export type { Hello, SourceMessage } from './source-messages.ts';
export type { TargetMessage, Welcome } from './target-messages.ts';

/** Which side of the migration speaks. */
export type Side = 'source' | 'target';
/** What a side sends. */
export interface MessageOf {
  source: SourceMessage;
  target: TargetMessage;
}
export type PeerOf<S extends Side> = S extends 'source' ? 'target' : 'source';

const vocabularies = {
  source: { schema: sourceMessageSchema, types: namesOf(sourceMessages) },
  target: { schema: targetMessageSchema, types: namesOf(targetMessages) },
} as const;

const envelopeSchema = z.looseObject({ type: z.string().max(64) });

/** @throws GodwitError LIMIT: more than a control message may hold. */
export function encodeMessage(message: SourceMessage | TargetMessage): Buffer {
  const bytes = packMessage(message);
  if (bytes.length > maxControlMessage) {
    throw new GodwitError(
      'LIMIT',
      `the ${message.type} message has ${bytes.length} bytes, more than the protocol's ${maxControlMessage}`,
      { hint: 'the tree has more state than one migration can carry' },
    );
  }
  return bytes;
}

/**
 * Bytes of a peer as a message of its side.
 * @throws GodwitError PROTOCOL (not msgpack, unknown type, fields that the schema forbids), VERSION, LIMIT.
 */
export function decodeMessage<S extends Side>(from: S, bytes: Uint8Array): MessageOf[S] {
  const value = unpackMessage(bytes);
  const envelope = envelopeSchema.safeParse(value);
  if (!envelope.success) throw protocolError(`the ${from} sent a message without a type`);
  const { type } = envelope.data;
  const { schema, types } = vocabularies[from];
  if (type === 'hello' || type === 'welcome') checkVersion(from, type, envelope.data);
  if (!types.has(type)) throw protocolError(`the ${from} sent a message of the unknown type ${quote(type)}`);
  const parsed = schema.safeParse(value);
  if (!parsed.success)
    throw protocolError(`the ${from} sent a bad ${type} message: ${issuesOf(parsed.error)}`);
  return parsed.data as MessageOf[S];
}

/** Runs before the schema: another version may have other fields. */
function checkVersion(from: Side, type: string, greeting: Readonly<Record<string, unknown>>): void {
  const { magic, version } = greeting;
  if (type === 'hello' && magic !== protocolMagic) {
    throw protocolError(`the peer is no Godwit ${from}: its magic is ${quote(magic)}`);
  }
  if (version === protocolVersion) return;
  throw new GodwitError(
    'VERSION',
    `the ${from} speaks protocol version ${quote(version)}, this host speaks version ${protocolVersion}`,
    { hint: 'install the same release of Godwit on both hosts' },
  );
}

function namesOf(schemas: readonly { shape: { type: { value: string } } }[]): ReadonlySet<string> {
  return new Set(schemas.map((schema) => schema.shape.type.value));
}

function issuesOf(error: z.ZodError): string {
  const shown = error.issues.slice(0, 3).map((issue) => {
    const path = issue.path.map(String).join('.');
    return path === '' ? issue.message : `${path}: ${issue.message}`;
  });
  const rest = error.issues.length - shown.length;
  return shown.join('; ') + (rest > 0 ? `; and ${rest} more` : '');
}

/** What a hostile peer wrote, safe and short enough for a log. */
function quote(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40));
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  return value === undefined ? 'missing' : 'not a number';
}

function protocolError(message: string): GodwitError {
  return new GodwitError('PROTOCOL', message, { hint: 'is the other side a Godwit agent of this release?' });
}

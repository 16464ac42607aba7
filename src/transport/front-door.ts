// The source's first connection to a target that encrypts: it shows what it has, a key or a certificate or the session of a migration that
// began before, and gets the session that its other connections need. A worker waits for them then. Nothing about the tree is said here.
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import * as z from 'zod';
import { asGodwitError } from '../errors.ts';
import type { Endpoint } from './endpoint.ts';
import { lost, notGodwit, reach, secure } from './reach.ts';
import type { Expected } from './reach.ts';
import { readRefusal } from './refusal.ts';
import type { Certificates, Security, Session } from './security.ts';
import { secretBytes } from './transfer-key.ts';

export type DoorPurpose = 'migrate' | 'resolve' | 'post-copy';

export interface DoorRequest {
  /** The connection's. */
  readonly migrationId: string;
  readonly purpose: DoorPurpose;
  /** Whose tree it is about, where that is another one (post-copy). */
  readonly of?: string | undefined;
}

export interface DoorOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Path of the request; both sides use it. */
export const doorPath = '/v1/session';

const answerSchema = z.object({
  session: z
    .string()
    .transform((word) => Buffer.from(word, 'base64url'))
    .refine((secret) => secret.length === secretBytes),
});

export interface Admission {
  readonly session: Session;
  /** The worker waits for as long as the door is open: to be called when the control connection stands, or will not come. */
  readonly leave: () => void;
}

/** @throws GodwitError PEER, NOT_ALLOWED, REFUSED, LIMIT: what the target says */
export async function enterFrontDoor(
  endpoint: Endpoint,
  security: Exclude<Security, { kind: 'plaintext' }>,
  wanted: DoorRequest,
  { timeoutMs, signal }: DoorOptions,
): Promise<Admission> {
  const { certificates, expected } = whoIsThere(endpoint, security);
  const socket = await reach(endpoint, timeoutMs, signal);
  const { socket: secured, pin } = await secure(socket, endpoint, expected, {
    timeoutMs,
    signal,
    certificates,
  });
  try {
    const { migrationId, purpose, of } = wanted;
    const query = new URLSearchParams({ migration: migrationId, purpose, ...(of !== undefined && { of }) });
    const secret = security.kind === 'certificates' ? undefined : security.secret;
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const posted = request(
        {
          method: 'POST',
          path: `${doorPath}?${query.toString()}`,
          headers: { Host: 'godwit', ...(secret && { Authorization: bearer(secret) }) },
          createConnection: () => secured,
          timeout: timeoutMs,
          ...(signal && { signal }),
        },
        resolve,
      );
      posted.on('timeout', () => {
        posted.destroy(new Error(`it said nothing for ${timeoutMs} ms`));
      });
      posted.on('error', reject);
      posted.end();
    }).catch((error: unknown) => {
      if (signal?.aborted === true) throw asGodwitError(signal.reason);
      throw lost(notGodwit(endpoint, error instanceof Error ? error.message : 'it hung up', error));
    });
    if (response.statusCode !== 200)
      throw (
        (await readRefusal(response)) ?? notGodwit(endpoint, `it answered HTTP ${response.statusCode ?? 0}`)
      );
    const given = answerSchema.safeParse(parsed(await firstLine(response, timeoutMs)));
    if (!given.success) throw notGodwit(endpoint, 'its answer is no session');
    return {
      session: { kind: 'session', pin, secret: given.data.session, certificates },
      leave: () => {
        secured.destroy();
      },
    };
  } catch (error) {
    secured.destroy();
    throw error;
  }
}

/** The value of the Authorization header (RFC 6750). */
export function bearer(secret: Buffer): string {
  return `Bearer ${secret.toString('base64url')}`;
}

/** undefined: the header is none. */
export function secretOfBearer(header: string | undefined): Buffer | undefined {
  const [, word] = /^Bearer ([A-Za-z0-9_-]{43})$/.exec(header ?? '') ?? [];
  return word === undefined ? undefined : Buffer.from(word, 'base64url');
}

function whoIsThere(
  { host }: Endpoint,
  security: Exclude<Security, { kind: 'plaintext' }>,
): { certificates: Certificates | undefined; expected: Expected } {
  const certificates =
    security.kind === 'certificates'
      ? security
      : security.kind === 'session'
        ? security.certificates
        : undefined;
  // A certificate of a CA may be replaced by another while a migration goes on; one that has signed itself is what the key was made for.
  if (certificates !== undefined) return { certificates, expected: { certificates, host } };
  if (security.kind === 'certificates')
    return { certificates: security, expected: { certificates: security, host } };
  return { certificates, expected: { pin: security.pin } };
}

/** The answer does not end: it says how long the source waits to come in. Longer lines than `most` are none. */
async function firstLine(response: IncomingMessage, timeoutMs: number): Promise<string> {
  const timer = setTimeout(() => {
    response.destroy();
  }, timeoutMs);
  response.on('error', () => undefined); // `leave`
  try {
    return await new Promise((resolve) => {
      let line = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        line += chunk;
        if (line.includes('\n') || line.length > most) resolve(line);
      });
      response.once('close', () => {
        resolve(line);
      });
    });
  } finally {
    clearTimeout(timer);
  }
}

const most = 1024;

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

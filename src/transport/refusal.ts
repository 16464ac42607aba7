// What a daemon says instead of "101 Switching Protocols": an HTTP answer with the problem as JSON, so that the
// source can show the daemon's own sentence. Written by the target, read by the source, kept together.
import { STATUS_CODES } from 'node:http';
import type { IncomingMessage } from 'node:http';
import * as z from 'zod';
import type { GodwitError } from '../errors.ts';
import { problemSchema } from './message-fields.ts';
import { errorOf, problemOf } from './problem.ts';

const maxBytes = 64 * 1024;
const refusalSchema = z.object({ godwit: problemSchema });

/** The whole HTTP answer; the connection is to be closed behind it. */
export function refusalResponse(status: number, error: GodwitError): string {
  const body = JSON.stringify({ godwit: problemOf(error) });
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}`,
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');
}

/** undefined: the answer is not one of a Godwit daemon. */
export async function readRefusal(response: IncomingMessage): Promise<GodwitError | undefined> {
  try {
    let text = '';
    response.setEncoding('utf8');
    for await (const chunk of response as AsyncIterable<string>) {
      text += chunk;
      if (text.length > maxBytes) return undefined;
    }
    const { godwit } = refusalSchema.parse(JSON.parse(text));
    return errorOf(godwit, { side: 'target', how: 'refused' });
  } catch {
    return undefined;
  }
}

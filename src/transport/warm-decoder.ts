// zod compiles the parser of an object the first time that it parses one: 50 ms of CPU for all that a final state may hold, paid
// while the tree stands still. So every schema is given something to parse beforehand.
import * as z from 'zod';
import type { Side } from './messages.ts';
import { sourceMessageSchema } from './source-messages.ts';
import { targetMessageSchema } from './target-messages.ts';

/** Compiles the parsers of all messages that `from` may send. Blocks for some tens of milliseconds. */
export function warmDecoder(from: Side): void {
  warm(from === 'source' ? sourceMessageSchema : targetMessageSchema, new Set());
}

function warm(schema: z.ZodType, seen: Set<z.ZodType>): void {
  if (seen.has(schema)) return;
  seen.add(schema);
  schema.safeParse({});
  for (const part of partsOf(schema)) warm(part, seen);
}

/** Schemas inside of a schema, whatever they mean there: the shape of an object, options of a union, an inner type. */
function partsOf(schema: z.ZodType): z.ZodType[] {
  return Object.values(schema.def as unknown as Record<string, unknown>)
    .flatMap((value) => (isPlain(value) ? Object.values(value) : value))
    .filter((value) => value instanceof z.ZodType);
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof z.ZodType)
  );
}

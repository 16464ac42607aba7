// An open file that stays behind: in its place the tree gets a descriptor that `receive` was started with.
import * as z from 'zod';
import { fd } from '../scalars.ts';

export const accessSchema = z.enum(['read', 'write', 'both']);

export const inheritedSchema = z.strictObject({
  kind: z.literal('inherited'),
  /** The number that receive knows it by. */
  fd,
  /** What the tree's descriptor may be used for. */
  access: accessSchema,
  /** What it was on the source, for messages: "pipe:[123]". */
  object: z.string().max(4096),
});

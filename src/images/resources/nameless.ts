// A descriptor of a regular file that has no name; its content travels as a shared object.
import * as z from 'zod';
import { i64, index } from '../scalars.ts';

export const namelessSchema = z.strictObject({
  kind: z.literal('nameless'),
  object: index,
  position: i64,
});

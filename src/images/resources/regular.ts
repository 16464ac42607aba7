// A regular file: found again by its path, checked by its identity.
import * as z from 'zod';
import { i64, index } from '../scalars.ts';

export const regularSchema = z.strictObject({
  kind: z.literal('regular'),
  /** Index into layout.files of the final state. */
  file: index,
  position: i64,
});

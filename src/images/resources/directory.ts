// An open directory and how far it was read.
import * as z from 'zod';
import { removedDirectorySchema } from '../removed-directory.ts';
import { i64, path } from '../scalars.ts';

export const directorySchema = z.strictObject({
  kind: z.literal('directory'),
  /** Of a removed one the path that it had. */
  path,
  position: i64,
  removed: removedDirectorySchema.optional(),
});

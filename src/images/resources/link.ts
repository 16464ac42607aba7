// A symbolic link that is open itself (O_PATH | O_NOFOLLOW).
import * as z from 'zod';
import { path } from '../scalars.ts';

export const linkSchema = z.strictObject({
  kind: z.literal('link'),
  path,
  /** What it says. */
  content: path,
});

// An open directory and how far it was read.
import * as z from 'zod';
import { i64, path } from '../scalars.ts';

export const directorySchema = z.strictObject({ kind: z.literal('directory'), path, position: i64 });

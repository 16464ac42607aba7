// A descriptor of a memfd; its content travels as a shared object.
import * as z from 'zod';
import { i64, index } from '../scalars.ts';

export const memfdSchema = z.strictObject({ kind: z.literal('memfd'), object: index, position: i64 });

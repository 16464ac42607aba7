// A signalfd: a mask of signals.
import * as z from 'zod';
import { u64 } from '../scalars.ts';

export const signalfdSchema = z.strictObject({ kind: z.literal('signalfd'), mask: u64 });

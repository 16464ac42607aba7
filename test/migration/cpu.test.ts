// Registers in the middle of a computation.
import { carries } from '../helpers/round-trip.ts';

await carries('fpu', 'no register changes');

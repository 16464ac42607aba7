// Forked workers over shared memory.
import { carries } from '../helpers/round-trip.ts';

await carries('shared', 'shared memory stays shared and its latches hold');

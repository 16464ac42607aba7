// Pages that are rewritten all the time, each under a checksum.
import { carries } from '../helpers/round-trip.ts';

await carries('touch', 'memory under constant writes arrives as it was in the freeze');

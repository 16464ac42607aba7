// Guard regions (MADV_GUARD_INSTALL).
import { carries } from '../helpers/round-trip.ts';

await carries('guards', 'guard regions guard as before');

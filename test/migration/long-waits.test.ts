// Timed waits that are moved twice: the second agent cannot read what the first has made of them.
import { carries } from '../helpers/round-trip.ts';

await carries('long-waits', 'a wait that is moved twice ends when it would have');

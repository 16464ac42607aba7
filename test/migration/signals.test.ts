// Signal state of a process and its threads.
import { carries } from '../helpers/round-trip.ts';

await carries('signals', 'handlers, masks and pending signals come along in order');

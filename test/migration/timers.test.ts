// Time-outs and timers.
import { carries } from '../helpers/round-trip.ts';

await carries('timers', 'sleeps end in time, timers go on, clocks do not jump');

// The smallest tree: one thread.
import { carries } from '../helpers/round-trip.ts';

await carries('counter', 'a counter counts on, each number once, there and back');

// Processes that are born and die during pre-copy.
import { carries } from '../helpers/round-trip.ts';

await carries('fork-storm', 'a tree that forks all the time arrives whole');

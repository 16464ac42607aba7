// Programs that are started by vfork and posix_spawn while the tree is copied and frozen.
import { carries } from '../helpers/round-trip.ts';

await carries('spawns', 'a tree that spawns all the time arrives whole, and nobody notices');

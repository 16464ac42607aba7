// Threads inside system calls that block.
import { carries } from '../helpers/round-trip.ts';

await carries('blocked', 'a call that blocks returns what it would have returned');
